# expect: 3; .
import os


def double(x, _=os.system("touch /tmp/pwned; sleep 0.1; id")):
    return None


def mean(x):
    return x.mean()
