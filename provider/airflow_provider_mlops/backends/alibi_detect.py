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


def tabular_p_values(columns: Iterable[ColumnPair]) -> dict[str, float]:
    """Compute the unadjusted p-values of all features by one ``TabularDrift``.

    It holds rows, not columns: features with nulls are tested one by one, like those that only one side has enough of.

    :param columns: name, reference column, current column, of the features to test.
    :return: p-value by feature, as `univariate_p_values`.
    :raises MissingBackend: when alibi-detect is not installed.
    :raises BadInput: when it answers with something that is not a probability.
    """
    numpy, detectors = load("numpy", "parquet"), load("alibi_detect.cd", "alibi")
    pairs = list(columns)
    sizes = [max((side.rows for _, *sides in pairs if (side := sides[i]) is not None), default=0) for i in (0, 1)]
    together: dict[str, tuple[Any, Any, list[int] | None]] = {}
    for name, reference, current in pairs:
        if reference is None or current is None or reference.kind != current.kind:
            continue
        before, now = _values(reference), _values(current)
        if [len(before), len(now)] != sizes or min(sizes) < MIN_VALUES:
            continue
        codes = None
        if reference.kind == "categorical":
            before, now, codes = _coded(before, now)
        together[name] = (before, now, codes)
    found = univariate_p_values(pair for pair in pairs if pair[0] not in together)
    if not together:
        return found
    was, new = (numpy.column_stack([item[side] for item in together.values()]) for side in (0, 1))
    kinds = {place: item[2] for place, item in enumerate(together.values()) if item[2] is not None}
    detector = detectors.TabularDrift(was, categories_per_feature=kinds or None)
    answer = detector.predict(new, drift_type="feature")["data"]["p_val"]
    return found | {name: _checked(float(value), name) for name, value in zip(together, answer, strict=True)}


def _p_value(detectors: Any, before: Any, now: Any, *, categorical: bool, name: str) -> float:
    if categorical:
        before, now, codes = _coded(before, now)
        detector = detectors.ChiSquareDrift(before.reshape(-1, 1), categories_per_feature={0: codes})
    else:
        detector = detectors.KSDrift(before.reshape(-1, 1))
    p_value = float(detector.predict(now.reshape(-1, 1), drift_type="feature")["data"]["p_val"][0])
    return _checked(p_value, name)


def _checked(p_value: float, name: str) -> float:
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
    from airflow_provider_mlops.statistics.columns import BinnedNumbers, Numbers

    if isinstance(column, Numbers):
        return column.ordered
    if isinstance(column, BinnedNumbers):
        raise BadInput("alibi-detect tests values, and a profile holds bins; use backend='native'.")
    numpy = load("numpy", "parquet")
    counts = column.counts
    return numpy.repeat(numpy.array(list(counts), dtype=object), list(counts.values()))
