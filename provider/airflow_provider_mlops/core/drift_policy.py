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
from airflow_provider_mlops.core.drift_options import (
    Blocks,
    Data,
    Match,
    ReferenceChoice,
    Severity,
    read_blocks,
    read_calibration,
    read_reference,
    read_severity,
)
from airflow_provider_mlops.core.errors import BadInput

SCHEMA = 1

NUMERIC_EFFECTS = ("ks", "psi", "jensen_shannon", "wasserstein")
CATEGORICAL_EFFECTS = ("cramers_v", "psi", "jensen_shannon")
SHARES = ("missing", "new_categories", "vanished_categories")
EFFECTS = ("ks", "cramers_v", "psi", "jensen_shannon", "wasserstein", *SHARES)

DEFAULT_THRESHOLDS: Mapping[str, float] = MappingProxyType(
    {"ks": 0.1, "cramers_v": 0.1, "missing": 0.05, "new_categories": 0.05, "vanished_categories": 0.05}
)
"""What counts as material when the policy is silent.

- ``ks`` 0.1: the distribution functions differ by 10 points somewhere; a normal feature that moved by a quarter of
  its standard deviation.
- ``cramers_v`` 0.1: Cohen's "small" effect (w = 0.1, 1988).
- ``missing`` 0.05: the share of nulls changed by 5 points.
- ``new_categories``, ``vanished_categories`` 0.05: so many more rows than chance alone would give are of categories
  that the other sample does not have.
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


FAMILY_WISE = (Correction.BONFERRONI, Correction.HOLM)


class Decide(StrEnum):
    """What must reach a threshold: the effect itself (``point``), or the lower bound of its interval (``bound``)."""

    POINT = "point"
    BOUND = "bound"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPolicy:
    """When a dataset has drifted away from its reference.

    :param name: name of the policy.
    :param alpha: error rate after correction, above 0 and below 0.5.
    :param correction: adjustment for the number of tests behind "did anything drift?", which the verdict answers.
    :param list_correction: adjustment behind the list of features, ``bh`` or ``by``; reported beside, decides nothing.
    :param decide: whether an effect or the lower bound of its interval must reach the threshold.
    :param min_rows: values, nulls not counted, that a feature must have on both sides.
    :param thresholds: smallest material effect by name; one that is reached is enough. ``ks`` and ``wasserstein``
        (in standard deviations of the reference) are for numeric features, ``cramers_v`` for categorical ones,
        ``psi`` and ``jensen_shannon`` (a distance, 0 to 1) for both, ``missing`` is the change in the share of nulls,
        ``new_categories`` and ``vanished_categories`` the share of rows in them beyond what chance would give.
    :param features: thresholds of single features, over the general ones.
    :param max_drifted_share: share of the features that may drift before the verdict is FAIL; 0: any feature decides.
    :param severity: share of the model's importance that may drift instead; None: ``max_drifted_share`` decides.
    :param ignore: columns that are not compared: ids, timestamps.
    :param dependence: rows that hang together; None where they are independent.
    :param calibration: number of accepted partitions whose own distances say what is usual; None for none.
    :param reference: what is compared with.
    :param slices: columns; every value of each is judged on its own, too.
    :param data: whether rows are compared, or stored profiles of them.
    :param hash: hash of the mapping that it was read from.
    :param content: that mapping; records hold it, for whoever reads them without the file.
    """

    name: str
    alpha: float = 0.05
    correction: Correction = Correction.BONFERRONI
    list_correction: Correction = Correction.BH
    decide: Decide = Decide.POINT
    min_rows: int = 500
    thresholds: Mapping[str, float] = field(default_factory=lambda: DEFAULT_THRESHOLDS)
    features: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    max_drifted_share: float = 0.0
    severity: Severity | None = None
    ignore: tuple[str, ...] = ()
    dependence: Blocks | None = None
    calibration: int | None = None
    reference: ReferenceChoice = field(default_factory=ReferenceChoice)
    slices: tuple[str, ...] = ()
    data: Data = Data.ROWS
    hash: str
    content: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "DriftPolicy":
        """Read a drift policy.

        :param mapping: the loaded file; ``schema`` and ``name`` are required.
        :return: the policy.
        :raises BadInput: on an unknown, missing or malformed key.
        """
        required = ("schema", "name")
        reading.check_keys(mapping, "The drift policy", allowed=(*required, *_READERS), required=required)
        reading.check_schema(mapping, "The drift policy", SCHEMA)
        values: dict[str, Any] = {
            key: read(mapping[key], f"The drift policy's {key}") for key, read in _READERS.items() if key in mapping
        }
        name = reading.text(mapping["name"], "The drift policy's name")
        policy = cls(name=name, hash=sha256_of(mapping), content=mapping, **values)
        _check_together(policy)
        return policy

    def thresholds_of(self, feature: str) -> Mapping[str, float]:
        """Return the thresholds that hold for one feature.

        :param feature: name of the feature.
        :return: threshold by effect.
        """
        return {**self.thresholds, **self.features.get(feature, {})}


def _check_together(policy: DriftPolicy) -> None:
    """Refuse what contradicts itself."""
    limits = (policy.thresholds, *policy.features.values())
    if policy.severity is not None and policy.max_drifted_share > 0:
        raise BadInput("The drift policy has both severity and max_drifted_share; one of them decides the verdict.")
    if policy.dependence is not None and policy.calibration is not None:
        raise BadInput("The drift policy has both dependence and calibration; each is an answer to dependent rows.")
    dependent = policy.dependence is not None or policy.calibration is not None
    if policy.data is Data.PROFILE and dependent:
        raise BadInput(
            "The drift policy's data: profile has no rows to permute; drop it, or dependence and calibration."
        )
    if policy.data is Data.PROFILE and policy.reference.match is not Match.NONE:
        raise BadInput(
            "The drift policy's data: profile compares with the whole reference; drop it, or the reference's match."
        )
    if dependent and policy.slices:
        raise BadInput("The drift policy's slices need independent rows; drop them, or dependence and calibration.")
    if policy.decide is not Decide.BOUND:
        return
    if dependent:
        raise BadInput(
            "The drift policy's decide: bound needs independent rows; drop it, or dependence and calibration."
        )
    if any("wasserstein" in found for found in limits):
        raise BadInput("The drift policy's decide: bound knows no bound of wasserstein; use the threshold ks instead.")


def _list_correction(value: Any, where: str) -> Correction:
    return Correction(reading.one_of(Correction.BH, Correction.BY)(value, where))


def _decide(value: Any, where: str) -> Decide:
    return Decide(reading.one_of(*Decide)(value, where))


def _data(value: Any, where: str) -> Data:
    return Data(reading.one_of(*Data)(value, where))


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
    "list_correction": _list_correction,
    "decide": _decide,
    "min_rows": reading.count,
    "thresholds": _defaults_and,
    "features": _features,
    "max_drifted_share": _share,
    "severity": read_severity,
    "ignore": _names,
    "dependence": read_blocks,
    "calibration": read_calibration,
    "reference": read_reference,
    "slices": _names,
    "data": _data,
}
