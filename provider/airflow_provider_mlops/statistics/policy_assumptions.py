"""What is taken for true, or was measured, when the rows that a rule needs are counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.core.rules import MetricRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What is taken for true where nothing was measured.

    :param discordance: share of rows that two models decide differently.
    :param base_rate: share of the positive class.
    :param auc: ROC-AUC of both models.
    :param correlation: correlation of the two models' ROC-AUC over test sets.
    :param score_difference: root mean square difference of two models' scores.
    :param gap: how far a model's true value is beyond a limit.
    :param measured: by metric what a recorded evaluation holds: ``candidate`` and ``difference``.
    :param source: which evaluation that is, in words.
    :raises BadInput: when a share is not between 0 and 1.
    """

    discordance: float = 0.05
    base_rate: float = 0.2
    auc: float = 0.75
    correlation: float = 0.9
    score_difference: float = 0.05
    gap: float = 0.02
    measured: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: str = "the evaluation"

    def __post_init__(self) -> None:
        for name in ("discordance", "base_rate"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise BadInput(f"The {name.replace('_', ' ')} must be above 0 and below 1, not {value!r}.")

    def interval(self, rule: MetricRule, part: str) -> Interval | None:
        """Return what was measured of a rule's metric.

        :param rule: the rule; one with a threshold or parameters of its own was not measured.
        :param part: ``candidate`` or ``difference``.
        :return: the interval, None when there is none.
        """
        if rule.threshold is not None or rule.params:
            return None
        found = self.measured.get(rule.metric, {}).get(part)
        return Interval(**{name: found[name] for name in ("value", "low", "high", "n", "method")}) if found else None


def percent(share: float) -> str:
    """Return a share as text.

    :param share: the share.
    :return: e.g. ``5 %``.
    """
    return f"{100 * share:.3g} %"
