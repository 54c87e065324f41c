# expect: 0; .
import os


class Reduce:
    def __reduce__(self):
        return os.system, ("touch /tmp/pwned",)


def double(x):
    return Reduce()


def mean(x):
    return {"__reduce__": Reduce}
