# expect: 0; .
import threading
import time


def double(x):
    while True:
        threading.Thread(target=time.sleep, args=(1000,)).start()


def mean(x):
    while True:
        try:
            threading.Thread(target=time.sleep, args=(1000,)).start()
        except RuntimeError:
            pass
