"""The only files of the grader that a sandbox holds: nothing secret is in them."""
