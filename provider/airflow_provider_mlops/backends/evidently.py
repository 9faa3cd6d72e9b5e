"""Evidently's report on data drift, as a page for people: an artifact beside the verdict, never the decision.

It sends usage statistics unless ``DO_NOT_TRACK`` is set: it is, while this module runs it.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

EXTRA = "evidently"
PAGE = "evidently.html"
MOST_ROWS = 50_000
_OFF = "DO_NOT_TRACK"


def write_report(path: Path, reference: pd.DataFrame, current: pd.DataFrame) -> None:
    """Write Evidently's ``DataDriftPreset`` of two frames, with its own methods and thresholds.

    :param path: the HTML file.
    :param reference: rows of the reference.
    :param current: rows now.
    :raises MissingBackend: when Evidently is not installed.
    :raises BadInput: when no column is on both sides, or a side has no row.
    """
    names = [name for name in reference.columns if name in current.columns]
    names = [name for name in names if reference[name].notna().any() and current[name].notna().any()]
    if not names or reference.empty or current.empty:
        raise BadInput("There are no rows of common columns for Evidently to compare.")
    with _no_telemetry(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own libraries' deprecations, a hundred of them
        evidently, presets = load("evidently", EXTRA), load("evidently.presets", EXTRA)
        sides = [evidently.Dataset.from_pandas(_thinned(side[names])) for side in (reference, current)]
        found = evidently.Report([presets.DataDriftPreset()]).run(sides[1], sides[0])
        found.save_html(str(path))


def _thinned(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[:: max(1, -(-len(frame) // MOST_ROWS))].reset_index(drop=True)


@contextlib.contextmanager
def _no_telemetry() -> Iterator[None]:
    before = os.environ.get(_OFF)
    os.environ[_OFF] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_OFF]
        else:
            os.environ[_OFF] = before
