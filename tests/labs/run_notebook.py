"""Run the cells of a notebook in IPython; print what went wrong in each, as JSON.

python run_notebook.py NOTEBOOK: a list of [cell, error class, message].
"""

import json
import os
import sys

os.environ["MPLBACKEND"] = "Agg"

from IPython.core.interactiveshell import InteractiveShell  # noqa: E402

shell = InteractiveShell.instance()
shell.showtraceback = lambda *args, **kwargs: None
with open(sys.argv[1], encoding="utf8") as file:
    cells = json.load(file)["cells"]
wrong = []
for number, cell in enumerate(cells):
    if cell["cell_type"] == "code":
        result = shell.run_cell("".join(cell["source"]))
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            wrong.append([number, type(error).__name__, str(error)])
print("\n" + json.dumps(wrong))
