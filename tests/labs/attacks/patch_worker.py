# expect: 0; .
import sys


class Patch:
    worker = sys.modules["__main__"]
    wire = sys.modules["wire"]
    true_send = wire.send

    def send(channel, message, blob=b"", timeout=None, true_send=true_send):
        if "ok" in message or "error" in message:
            message = {"id": message["id"], "ok": True, "changed": [[0, True]] * 9}
            message["generators"] = [[5, None], [-1, {"G": [0, 0]}], "x", 7]
        true_send(channel, message, blob)

    wire.send = send


def double(x):
    return x


def mean(x):
    return 0.0
