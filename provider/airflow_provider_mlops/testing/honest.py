"""Rows that a policy should pass: a good candidate, a worse champion, and every column that the rules ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.rules import (
    DataAge,
    Fairness,
    FlipRate,
    Infrastructure,
    Maximum,
    MetricRule,
    MinRows,
    Stress,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from airflow_provider_mlops.core.policy import Policy
    from airflow_provider_mlops.statistics.score_table import ScoreTable

ROWS = 4_000
AS_OF = datetime(2024, 3, 1, tzinfo=UTC)
_VALUES = ("a", "b")
_SEED = 20240301
_CLASSES = 3
_STEEP = 20.0
_SPOILT = 0.35
"""Share of rows on which the champion scores at random."""


def honest_table(policy: Policy) -> ScoreTable:
    """Make rows that a sensible policy passes.

    :param policy: the policy; its metrics say the task, its rules the columns and the number of rows.
    :return: the rows, the same on every call.
    """
    import numpy as np

    from airflow_provider_mlops.statistics.score_table import ScoreTable

    columns = _columns(policy)
    rows = _rows(policy, columns)
    rng = np.random.default_rng(_SEED)
    task = _task(policy)
    labels, candidate, champion = {"binary": _binary, "multiclass": _multiclass, "regression": _regression}[task](
        rng, rows, policy
    )
    variants = {rule.variant for rule in policy.rules if isinstance(rule, Stress | FlipRate)}
    return ScoreTable(
        labels=labels,
        candidate=candidate,
        champion=champion,
        golden=champion,
        slices=dict(_slices(policy, columns, rows)),
        variants={name: candidate.copy() for name in sorted(variants)},
        task=task,
        thresholds=dict.fromkeys(("candidate", "champion", "golden"), 0.5) if task == "binary" else {},
    )


def honest_facts(policy: Policy) -> dict[str, Any]:
    """Make the facts of an evaluation that keeps the policy's limits.

    :param policy: the policy.
    :return: what `core.gate_facts.gate_facts` would give.
    """
    ages = [rule for rule in policy.rules if isinstance(rule, DataAge)]
    newest = AS_OF - timedelta(days=min((rule.max_age_days or 2 for rule in ages), default=2) / 2)
    first = newest - timedelta(days=2 * max((rule.min_days or 1 for rule in ages), default=1))
    return {
        "task": _task(policy),
        "golden": {"version": "1"},
        "infrastructure": _serving(policy),
        "artifacts": {
            "files": [{"path": "model.skops", "size": 1, "sha256": "0" * 64, "format": "skops"}],
            "pickles": [],
            "types": [],
            "untrusted_types": [],
            "unknown": [],
            "error": None,
        },
        "leakage": {
            "train_rows": 10 * ROWS,
            "test_rows": ROWS,
            "row_overlap": 0,
            "entity_column": "entity",
            "entity_overlap": 0,
            "train_last": (first - timedelta(days=1)).isoformat(),
            "test_first": first.isoformat(),
            "time_ordered": True,
            "single_feature": {"feature": "feature", "auc": 0.5},
        },
        "time_range": [first.isoformat(), newest.isoformat()],
        "newest_label": newest.isoformat(),
        "as_of": AS_OF.isoformat(),
        "releases_since_golden": 0,
    }


def _serving(policy: Policy) -> dict[str, Any]:
    rules = [rule for rule in policy.rules if isinstance(rule, Infrastructure)]
    latency = min((rule.p95_latency_ms or 10.0 for rule in rules), default=10.0) / 5
    memory = min((rule.peak_memory_mib or 200.0 for rule in rules), default=200.0) / 2
    return {
        "loads": True,
        "accepts_signature": True,
        "rejects_wrong_signature": True,
        "probe_identical": True,
        "probe_rows": 100,
        "latency_ms": [latency * (1 + index / 2_000) for index in range(1_000)],
        "warm_up": 10,
        "peak_memory_mib": memory,
        "load_seconds": 1.0,
        "error": None,
    }


def _task(policy: Policy) -> str:
    from airflow_provider_mlops.statistics.metrics import METRICS

    tasks = {METRICS[r.metric].task for r in policy.rules if isinstance(r, MetricRule) and r.metric in METRICS}
    return next((task for task in ("multiclass", "regression") if task in tasks), "binary")


def _columns(policy: Policy) -> dict[str, tuple[str, ...]]:
    """Return the values of each column that the rules slice or group by."""
    found: dict[str, tuple[str, ...]] = {}
    for rule in policy.rules:
        if isinstance(rule, MetricRule) and rule.slice is not None:
            found[rule.slice] = tuple(dict.fromkeys((*found.get(rule.slice, ()), *(rule.values or _VALUES))))
        elif isinstance(rule, Fairness):
            for number, name in enumerate(rule.group):
                wanted = (rule.reference[number],) if rule.reference else ()
                found[name] = tuple(dict.fromkeys((*found.get(name, ()), *wanted, *_VALUES)))
    return found


def _rows(policy: Policy, columns: Mapping[str, tuple[str, ...]]) -> int:
    needed = [ROWS]
    for rule in policy.rules:
        if isinstance(rule, MinRows):
            needed += [2 * rule.rows, 4 * (rule.positives or 0)]  # half of them are enough
        elif isinstance(rule, MetricRule) and rule.slice is not None:
            needed.append(len(columns[rule.slice]) * (rule.min_rows or 500))
        elif isinstance(rule, Fairness):
            groups = 1
            for name in rule.group:
                groups *= len(columns[name])
            needed.append(groups * max(rule.min_rows or 0, 1_000))
    return int(1.2 * max(needed))


def _slices(policy: Policy, columns: Mapping[str, tuple[str, ...]], rows: int) -> Iterator[tuple[str, Any]]:
    """Give the values in turn: every combination of them has rows like all the others."""
    import numpy as np

    index, step = np.arange(rows), 1
    for name, values in columns.items():
        yield name, np.array(values, dtype=object)[(index // step) % len(values)]
        step *= len(values)
    if policy.dependence and policy.dependence.column not in columns:
        groups = max(2, rows // 5)
        if policy.dependence.cluster:
            values = tuple(f"c{number}" for number in range(groups))
        else:
            days = policy.dependence.block_days
            values = tuple((AS_OF - timedelta(days=days * number)).isoformat() for number in range(min(groups, 300)))
        yield policy.dependence.column, np.array(values, dtype=object)[index % len(values)]


def _binary(rng: Any, rows: int, _: Policy) -> tuple[npt.NDArray[Any], ...]:
    import numpy as np

    signal = np.sort(rng.uniform(-3, 3, rows))
    candidate = np.clip(1 / (1 + np.exp(-_STEEP * signal)), 1e-6, 1 - 1e-6)
    labels = (rng.random(rows) < candidate).astype(np.float64)
    champion = np.where(rng.random(rows) < _SPOILT, rng.permutation(candidate), candidate)
    return labels, candidate, champion


def _multiclass(rng: Any, rows: int, _: Policy) -> tuple[npt.NDArray[Any], ...]:
    import numpy as np

    labels = np.sort(rng.integers(0, _CLASSES, rows))

    def scores(wrong: float) -> Any:
        said = np.where(rng.random(rows) < wrong, (labels + 1) % _CLASSES, labels)
        return 0.04 + 0.88 * np.eye(_CLASSES)[said]

    return labels.astype(np.float64), scores(0.02), scores(_SPOILT)


def _regression(rng: Any, rows: int, policy: Policy) -> tuple[npt.NDArray[Any], ...]:
    """Make errors that keep every maximum, and a champion that is worse by more than every margin."""
    limits = [rule.value for rule in policy.rules if isinstance(rule, Maximum)]
    margins = [getattr(rule, "margin", 0) or getattr(rule, "by", 0) for rule in policy.rules]
    small = min([1.0, *(limit / 4 for limit in limits if limit > 0)])
    large = 5 * small + 6 * max(margins, default=0)
    labels = rng.normal(0, 1.2 * large, rows)
    return labels, labels + rng.normal(0, small, rows), labels + rng.normal(0, large, rows)
