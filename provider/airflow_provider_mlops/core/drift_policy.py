"""The policy of a drift check: how sure, how much, and on how many rows.

A feature has drifted only when its adjusted p-value is below alpha *and* one of its effects reaches its threshold
*and* there are enough rows: with many rows a harmless shift is significant, with few a silent test means nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput

SCHEMA = 1

NUMERIC_EFFECTS = ("ks", "psi", "jensen_shannon", "wasserstein")
CATEGORICAL_EFFECTS = ("cramers_v", "psi", "jensen_shannon")
EFFECTS = ("ks", "cramers_v", "psi", "jensen_shannon", "wasserstein", "missing")

DEFAULT_THRESHOLDS: Mapping[str, float] = MappingProxyType({"ks": 0.1, "cramers_v": 0.1, "missing": 0.05})
"""What counts as material when the policy is silent.

- ``ks`` 0.1: the distribution functions differ by 10 points somewhere; a normal feature that moved by a quarter of
  its standard deviation.
- ``cramers_v`` 0.1: Cohen's "small" effect (w = 0.1, 1988).
- ``missing`` 0.05: the share of nulls changed by 5 points.
"""


class Correction(StrEnum):
    """How p-values are adjusted for the number of tests.

    - ``bonferroni``, ``holm``: at most alpha for any false alarm, whatever the dependence.
    - ``bh`` (Benjamini-Hochberg 1995): at most alpha of the alarms are false, for independent or positively dependent
      features; ``by`` (Benjamini-Yekutieli 2001) for any dependence.
    """

    BONFERRONI = "bonferroni"
    HOLM = "holm"
    BH = "bh"
    BY = "by"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPolicy:
    """When a dataset has drifted away from its reference.

    :param name: name of the policy.
    :param alpha: error rate after correction, above 0 and below 0.5.
    :param correction: adjustment for the number of tests.
    :param min_rows: values, nulls not counted, that a feature must have on both sides.
    :param thresholds: smallest material effect by name; one that is reached is enough. ``ks`` and ``wasserstein``
        (in standard deviations of the reference) are for numeric features, ``cramers_v`` for categorical ones,
        ``psi`` and ``jensen_shannon`` (a distance, 0 to 1) for both, ``missing`` is the change in the share of nulls.
    :param features: thresholds of single features, over the general ones.
    :param max_drifted_share: share of the features that may drift before the verdict is FAIL; 0: any feature decides.
    :param ignore: columns that are not compared: ids, timestamps.
    :param hash: hash of the mapping that it was read from.
    :param content: that mapping; records hold it, for whoever reads them without the file.
    """

    name: str
    alpha: float = 0.05
    correction: Correction = Correction.BONFERRONI
    min_rows: int = 500
    thresholds: Mapping[str, float] = field(default_factory=lambda: DEFAULT_THRESHOLDS)
    features: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    max_drifted_share: float = 0.0
    ignore: tuple[str, ...] = ()
    hash: str
    content: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "DriftPolicy":
        """Read a drift policy.

        :param mapping: the loaded file; ``schema`` and ``name`` are required.
        :return: the policy.
        :raises BadInput: on an unknown, missing or malformed key.
        """
        keys = ("alpha", "correction", "min_rows", "thresholds", "features", "max_drifted_share", "ignore")
        required = ("schema", "name")
        reading.check_keys(mapping, "The drift policy", allowed=(*required, *keys), required=required)
        reading.check_schema(mapping, "The drift policy", SCHEMA)
        values: dict[str, Any] = {
            key: _READERS[key](mapping[key], f"The drift policy's {key}") for key in keys if key in mapping
        }
        name = reading.text(mapping["name"], "The drift policy's name")
        return cls(name=name, hash=sha256_of(mapping), content=mapping, **values)

    def thresholds_of(self, feature: str) -> Mapping[str, float]:
        """Return the thresholds that hold for one feature.

        :param feature: name of the feature.
        :return: threshold by effect.
        """
        return {**self.thresholds, **self.features.get(feature, {})}


def _correction(value: Any, where: str) -> Correction:
    try:
        return Correction(value)
    except ValueError:
        raise BadInput(f"{where} is {value!r}; valid: {', '.join(Correction)}.") from None


def _thresholds(value: Any, where: str) -> Mapping[str, float]:
    reading.check_keys(value, where, allowed=EFFECTS)
    return {name: reading.above_zero(limit, f"{where}: {name}") for name, limit in value.items()}


def _defaults_and(value: Any, where: str) -> Mapping[str, float]:
    return {**DEFAULT_THRESHOLDS, **_thresholds(value, where)}


def _features(value: Any, where: str) -> Mapping[str, Mapping[str, float]]:
    if not isinstance(value, Mapping):
        raise BadInput(f"{where} must be a mapping of feature to thresholds, not {value!r}.")
    return {reading.text(name, where): _thresholds(limits, f"{where}: {name}") for name, limits in value.items()}


def _share(value: Any, where: str) -> float:
    if not 0 <= reading.number(value, where) < 1:
        raise BadInput(f"{where} must be at least 0 and below 1, not {value!r}.")
    return float(value)


def _names(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise BadInput(f"{where} must be a list of column names, not {value!r}.")
    return tuple(reading.text(name, where) for name in value)


_READERS = {
    "alpha": reading.alpha,
    "correction": _correction,
    "min_rows": reading.count,
    "thresholds": _defaults_and,
    "features": _features,
    "max_drifted_share": _share,
    "ignore": _names,
}
