# expect: 0; .
import os
import struct


def double(x):
    for number in range(3, 64):
        try:
            os.write(number, struct.pack("<II", 0xFFFFFFFF, 0xFFFFFFFF) + b"x" * 1000)
        except OSError:
            pass


def mean(x):
    text = b"[" * 100_000
    for number in range(3, 64):
        try:
            os.write(number, struct.pack("<II", len(text), 0) + text)
        except OSError:
            pass
