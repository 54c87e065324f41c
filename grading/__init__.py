"""Build labs from their masters and grade what students hand in.

    master (one text)  ──build──►  student notebook, solution notebook,
                                   bundle for grading, zip for Gradescope
    submissions        ──grade──►  grades.csv, one report a student

A submission is never trusted. The *judge* holds the hidden tests and decides; the
student's functions run in another process, in a sandbox, and answer calls. Only data
crosses between the two: JSON and the raw bytes of tensors, never pickle. So nothing
that a submission does to its own process can change a verdict.

Nothing here knows what the labs are about.
"""


class GradingError(Exception):
    """What was asked for cannot be done; the message says why and what to do."""
