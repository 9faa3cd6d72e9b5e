"""First of what the server of task processes imports.

pyspark, which Great Expectations and skops come across, takes a process whose main module has no file for its own
doctests, and ends it.
"""

import sys

vars(sys.modules["__main__"]).setdefault("__file__", __file__)
