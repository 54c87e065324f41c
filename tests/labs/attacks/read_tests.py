# expect: 0; None|no such|OSError|nothing
import glob
import os
import re


def double(x):
    found = []
    for folder, inside, files in os.walk("/"):
        if folder.startswith(("/proc", "/usr", "/sys")) or "/lib" in folder:
            inside.clear()
            continue
        found += [f for f in files if f.endswith((".bundle.json", ".md", ".ipynb"))]
    raise OSError(f"nothing: {len(found)} files of interest")


def mean(x):
    for path in glob.glob("/proc/*/cmdline") + glob.glob("/proc/*/environ"):
        text = open(path, "rb").read()
        if re.search(rb"bundle|tiny|submission", text):
            raise ValueError(f"LEAK {text[:100]}")
    raise OSError("nothing")
