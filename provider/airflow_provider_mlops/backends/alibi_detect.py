"""alibi-detect as a second opinion on p-values; the decision stays with `statistics.drift`.

Its licence since 0.11.5 (BSL 1.1) allows no production use without a contract. One NaN turns its p-value into NaN and
its answer into "no drift", so that nulls are taken out here, and counted by our own missingness test.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    from airflow_provider_mlops.statistics.columns import ColumnSample

MIN_VALUES = 2


def univariate_p_values(
    reference: Mapping[str, ColumnSample], current: Mapping[str, ColumnSample], *, ignore: Collection[str] = ()
) -> dict[str, float]:
    """Compute the unadjusted p-value of each feature by alibi-detect's ``KSDrift`` or ``ChiSquareDrift``.

    :param reference: reference sample by feature.
    :param current: current sample by feature.
    :param ignore: features to leave out.
    :return: p-value by feature, for those that both samples hold with at least two values.
    :raises MissingBackend: when alibi-detect is not installed.
    :raises BadInput: when it answers with something that is not a probability.
    """
    detectors = load("alibi_detect.cd", "alibi")
    found: dict[str, float] = {}
    for name in reference:
        if name in ignore or name not in current or reference[name].kind != current[name].kind:
            continue
        before, now = _present(reference[name]), _present(current[name])
        if min(len(before), len(now)) < MIN_VALUES:
            continue
        found[name] = _p_value(detectors, before, now, categorical=reference[name].kind == "categorical", name=name)
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


def _present(sample: ColumnSample) -> Any:
    numpy = load("numpy", "parquet")
    values = sample.values
    if sample.kind == "numeric":
        return values[~numpy.isnan(values)].astype("float64")
    return values[numpy.array([value is not None for value in values], dtype=bool)]
