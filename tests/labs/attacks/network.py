# expect: 0; Errno|PermissionError|OSError
import socket
import urllib.request


def double(x):
    socket.create_connection(("1.1.1.1", 80), timeout=1)
    raise ValueError("LEAK: connected")


def mean(x):
    urllib.request.urlopen("http://127.0.0.1:22", timeout=1)
    raise ValueError("LEAK: connected")
