"""Sphinx: `make docs` builds the pages, and every warning is an error."""

import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Autodoc imports the operators, and importing Airflow writes a configuration file: keep it out of the home folder.
os.environ.setdefault("AIRFLOW_HOME", str(ROOT / "build" / "airflow"))

_PACKAGE = ROOT / "provider" / "airflow_provider_mlops" / "__init__.py"

project = "airflow-provider-mlops"
author = "airflow-provider-mlops developers"
copyright = "airflow-provider-mlops developers, Apache-2.0"
release = version = re.findall(r'__version__ = "(.+)"', _PACKAGE.read_text(encoding="utf-8"))[0]

extensions = ["sphinx.ext.autodoc", "myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3

# The docstrings write `name`; most of these names are arguments, not things with a page of their own.
default_role = "literal"
autodoc_member_order = "bysource"
# The field lists say what an argument is; the types stand in the source and are checked by mypy.
autodoc_typehints = "none"

nitpicky = True
# Names of other projects. Their inventories lie on the network, which this build does not use.
nitpick_ignore = [
    ("py:exc", "AirflowFailException"),
    ("py:exc", "httpx.HTTPError"),
]

html_theme = "furo"
html_title = f"airflow-provider-mlops {release}"
html_copy_source = False
html_show_sphinx = False
