"""alibi-detect as a second opinion on p-values; the decision stays with `statistics.drift`.

Its licence since 0.11.5 (BSL 1.1) allows no production use without a contract. One NaN turns its p-value into NaN and
its answer into "no drift", so that nulls are taken out here, and counted by our own missingness test.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    from airflow_provider_mlops.statistics.columns import ColumnPair, Summary

MIN_VALUES = 2


def univariate_p_values(columns: Iterable[ColumnPair]) -> dict[str, float]:
    """Compute the unadjusted p-value of each feature by alibi-detect's ``KSDrift`` or ``ChiSquareDrift``.

    :param columns: name, reference column, current column, of the features to test.
    :return: p-value by feature, for those that both samples hold with at least two values.
    :raises MissingBackend: when alibi-detect is not installed.
    :raises BadInput: when it answers with something that is not a probability.
    """
    detectors = load("alibi_detect.cd", "alibi")
    found: dict[str, float] = {}
    for name, reference, current in columns:
        if reference is None or current is None or reference.kind != current.kind:
            continue
        before, now = _values(reference), _values(current)
        if min(len(before), len(now)) < MIN_VALUES:
            continue
        found[name] = _p_value(detectors, before, now, categorical=reference.kind == "categorical", name=name)
    return found


def _p_value(detectors: Any, before: Any, now: Any, *, categorical: bool, name: str) -> float:
    if categorical:
        before, now, codes = _coded(before, now)
        detector = detectors.ChiSquareDrift(before.reshape(-1, 1), categories_per_feature={0: codes})
    else:
        detector = detectors.KSDrift(before.reshape(-1, 1))
    p_value = float(detector.predict(now.reshape(-1, 1), drift_type="feature")["data"]["p_val"][0])
    if not 0.0 <= p_value <= 1.0:
        raise BadInput(f"alibi-detect answered {p_value} as the p-value of {name!r}; use backend='native'.")
    return p_value


def _coded(before: Any, now: Any) -> tuple[Any, Any, list[int]]:
    """alibi-detect takes numbers only: each category gets one, also those that only one sample has."""
    numpy = load("numpy", "parquet")
    codes = {value: code for code, value in enumerate(sorted({*before, *now}))}
    coded = [numpy.array([codes[value] for value in part], dtype="int64") for part in (before, now)]
    return coded[0], coded[1], list(codes.values())


def _values(column: Summary) -> Any:
    """Return the values without nulls; both tests are blind to the order of rows."""
    from airflow_provider_mlops.statistics.columns import Numbers

    if isinstance(column, Numbers):
        return column.ordered
    numpy = load("numpy", "parquet")
    counts = column.counts
    return numpy.repeat(numpy.array(list(counts), dtype=object), list(counts.values()))
