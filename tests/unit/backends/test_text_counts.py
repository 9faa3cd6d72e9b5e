"""Texts of a column counted batch after batch: the counts are those of all rows at once."""

import subprocess
import sys
from collections import Counter
from datetime import date

import pyarrow as pa
import pytest

from airflow_provider_mlops.backends import text_counts
from airflow_provider_mlops.backends.text_counts import TextCounts

TWICE = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None, 2]), pa.array(["x", None, "x"]))
WORDS = ["a", None, "b", "a", "", "c", "a", None]


@pytest.mark.parametrize("compact", [0, 1 << 20], ids=["summed up each time", "summed up at the end"])
@pytest.mark.parametrize(
    ("array", "texts"),
    [
        (pa.array(WORDS), WORDS),
        (pa.array(WORDS, pa.large_string()), WORDS),
        (pa.array(WORDS).dictionary_encode(), WORDS),
        (
            pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None, 2]), pa.array(["x", None, "x"])),
            ["x", None, "x", None, "x"],
        ),
        (pa.array([date(2013, 1, 1), None]), ["2013-01-01", None]),
        (pa.array([b"\x00\xff", None]), ["00ff", None]),
        (pa.nulls(3), [None] * 3),
        (pa.array([], pa.string()), []),
    ],
    ids=[
        "texts",
        "large texts",
        "coded",
        "a null and a text twice",
        "days",
        "bytes",
        "nulls",
        "none",
    ],
)
def test_counts_are_those_of_all_rows(
    array: pa.Array, texts: list[str | None], compact: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In several batches, parts of arrays among them."""
    monkeypatch.setattr(text_counts, "_COMPACT_ROWS", compact)
    counting = TextCounts()
    nulls = sum(counting.add(batch) for batch in (array, array[1:], array[:2]))
    expected = [*texts, *texts[1:], *texts[:2]]

    assert counting.counts() == Counter(text for text in expected if text is not None)
    assert nulls == expected.count(None)


def test_counting_columns_does_not_import_pandas() -> None:
    """It takes a quarter of a second and 40 MB, for nothing."""
    code = """
import sys, pyarrow as pa
from airflow_provider_mlops.backends.arrow_values import floats_of
from airflow_provider_mlops.backends.summing import summed
numbers = pa.Array.from_buffers(pa.float64(), 3, [pa.py_buffer(bytes([5])), pa.py_buffer(bytes(24))])
texts = pa.Array.from_buffers(pa.string(), 2, [None, pa.py_buffer(bytes(12)), pa.py_buffer(b"")])
summed([numbers], 3, "numeric"), floats_of(numbers), summed([texts.dictionary_encode()], 2, "categorical")
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
