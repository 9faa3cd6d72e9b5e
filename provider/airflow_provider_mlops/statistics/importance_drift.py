"""Whether a model still rests on the same features: importances of today against those of its evaluation.

Importances are measured with noise, so that ranks change by chance. The change counts when it is more than the noise
of both measurements could do (a parametric bootstrap), and beyond what the policy allows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.arrays import FloatArray

MIN_FEATURES = 3
_DRAWS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportanceChange:
    """How the ranking of the features moved.

    :param correlation: rank correlation (Spearman) of now and then.
    :param low: lower bound of it.
    :param high: upper bound of it.
    :param p_value: how often noise alone would lower it so far.
    :param entered: features among the first ``top`` now that were not then.
    :param left: features that were and are not any more.
    :param top: how many features the first ones are.
    :param features: features compared.
    """

    correlation: float
    low: float
    high: float
    p_value: float
    entered: tuple[str, ...]
    left: tuple[str, ...]
    top: int
    features: int

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe form."""
        found = {name: getattr(self, name) for name in ("correlation", "low", "high", "p_value", "top", "features")}
        return {**found, "entered": list(self.entered), "left": list(self.left)}


def importance_change(
    now: Mapping[str, Sequence[float]], then: Mapping[str, Sequence[float]], level: float, *, top: int, seed: int
) -> ImportanceChange:
    """Compare two measurements of importance.

    :param now: by feature, importance and its standard error, on the labelled rows of today.
    :param then: by feature, the same of the evaluation at promotion.
    :param level: two-sided confidence level.
    :param top: how many of the first features are compared as a set.
    :param seed: seed of the draws.
    :return: the change.
    :raises NotMeasurable: when fewer than 3 features are in both, a number is not finite, or nothing differs in rank.
    """
    shared = [name for name in then if name in now]
    if len(shared) < MIN_FEATURES:
        raise NotMeasurable(f"{len(shared)} features were measured both times; at least {MIN_FEATURES} are needed.")
    today, before = (np.array([list(part[name][:2]) for name in shared]) for part in (now, then))
    if not (np.isfinite(today).all() and np.isfinite(before).all()):
        raise NotMeasurable("An importance is NaN or infinite.")
    if min(float(np.ptp(side[:, 0])) for side in (today, before)) <= 0:
        raise NotMeasurable("All features are equally important: they have no ranking that could change.")
    random = np.random.default_rng(seed)
    drawn = [random.normal(side[:, 0], side[:, 1], (_DRAWS, len(shared))) for side in (today, before)]
    # What noise alone does: both are measured once more where nothing has changed.
    same = random.normal(before[:, 0], today[:, 1], (_DRAWS, len(shared)))
    seen = float(_spearman(today[:, 0], before[:, 0]))
    spread, noise = _spearman(*drawn), _spearman(same, drawn[1])
    low, high = np.quantile(spread, [(1 - level) / 2, (1 + level) / 2])
    size = min(top, len(shared))
    first, earlier = (_first(side[:, 0], size) for side in (today, before))
    return ImportanceChange(
        correlation=seen,
        low=min(float(low), seen),
        high=max(float(high), seen),
        p_value=float((1 + np.count_nonzero(noise <= seen)) / (1 + _DRAWS)),
        entered=tuple(shared[index] for index in first if index not in earlier),
        left=tuple(shared[index] for index in earlier if index not in first),
        top=size,
        features=len(shared),
    )


def _spearman(first: FloatArray, second: FloatArray) -> FloatArray:
    """Correlate the ranks of each pair of rows; equal numbers are ranked in the order of the features."""
    ranks = [np.argsort(np.argsort(-side, axis=-1, kind="stable"), axis=-1) for side in (first, second)]
    a, b = (rank - (rank.shape[-1] - 1) / 2 for rank in ranks)
    return np.asarray((a * b).sum(axis=-1) / np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1)))


def _first(values: FloatArray, size: int) -> list[int]:
    return list(map(int, np.argsort(-values, kind="stable")[:size]))
