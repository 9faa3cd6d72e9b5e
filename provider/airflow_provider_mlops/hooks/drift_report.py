"""Gathering the report of a drift verdict: how the drifted features changed, since when, and what changed upstream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.drift_history import Look, Since, in_order, look_of, looks_before, since
from airflow_provider_mlops.core.drift_options import DriftKind
from airflow_provider_mlops.core.drift_upstream import Origin, acts_between, origin_of, upstream_changes
from airflow_provider_mlops.core.drift_window import window_of
from airflow_provider_mlops.core.errors import MLOpsError
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.hooks.drift_columns import types_of
from airflow_provider_mlops.hooks.drift_reading import Asked, Reading, served_pairs
from airflow_provider_mlops.hooks.drift_reading_profiles import ProfileReading

if TYPE_CHECKING:
    from airflow_provider_mlops.hooks.drift_reading import Pair
    from airflow_provider_mlops.statistics.column_change import Change

MAX_FEATURES = 8
"""Drifted features that are looked into, the largest first."""
LOOK_BACK = 6
"""Earlier partitions that are measured afterwards, where no verdict on them is at hand."""


@dataclass(slots=True)
class Gathered:
    """What a report says, and the columns that its figures show.

    :param content: the report; JSON-safe.
    :param looks: the looks at the partitions, oldest first.
    :param columns: reference and current of each feature that was looked into.
    """

    content: dict[str, Any]
    looks: list[Look]
    columns: dict[str, Pair] = field(default_factory=dict)


def gather(asked: Asked) -> Gathered:
    """Look into a verdict.

    :param asked: the verdict.
    :return: the report.
    :raises EvidenceBroken: when a snapshot was changed.
    """
    look = look_of(asked.body)
    drifted = sorted(look.failed, key=lambda name: (-look.sizes[name], name))[:MAX_FEATURES]
    looks = [*looks_before(asked.records, asked.body), look]
    columns: dict[str, Pair] = {}
    changes: dict[str, list[Change]] = {}
    slices: dict[str, list[dict[str, Any]]] = {}
    judged_on_profiles = bool(asked.body.get("profiles"))
    if drifted and asked.plan is not None:
        profiled = ProfileReading(asked).pairs(drifted) if judged_on_profiles else None
        columns = served_pairs(asked.storage, asked.plan, drifted) if profiled is None else profiled
        changes = _served_changes(asked, columns)
    elif drifted and asked.current and asked.body["reference_snapshot_ids"]:
        reading = ProfileReading(asked) if judged_on_profiles else Reading(asked)
        columns, slices = reading.pairs(drifted), reading.slices(drifted)
        looks = in_order([*looks, *_measured(reading, drifted, looks)])
        changes = _changes(reading, columns)
    features = [_feature(name, asked, looks, changes.get(name, []), slices.get(name, [])) for name in drifted]
    content = {
        "schema": 1,
        "model": asked.model,
        "dataset": asked.dataset,
        **{name: asked.body.get(name) for name in ("partition_key", "champion_version", "policy_hash", "backend")},
        "kind": asked.body.get("kind", "feature"),
        "outcome": asked.body["verdict"]["outcome"],
        "snapshot_ids": [item["snapshot_id"] for item in asked.current],
        "reference_snapshot_ids": list(asked.body.get("reference_snapshot_ids") or ()),
        "features": features,
        "more_features": max(0, len(look.failed) - len(drifted)),
        "history": [item.to_dict() for item in looks],
        "upstream": _upstream(asked, features),
        "events": list(asked.events),
    }
    if asked.body.get("profiles"):
        content["profiles"] = asked.body["profiles"]
    return Gathered(content, looks, columns)


def _measured(reading: Reading | ProfileReading, drifted: Sequence[str], looks: Sequence[Look]) -> list[Look]:
    """Measure earlier windows that no verdict looked at, back to the first that none of the features had left.

    They are as long as the one that was judged: a part of it has other weekdays and fewer rows. One of which a
    partition is missing was not looked at.
    """
    asked = reading.asked
    seen = {look.partition_key for look in looks}
    now = Partition.parse(asked.body["partition_key"]).start
    earlier = [key for key in asked.accepted if Partition.parse(key).end <= now]
    reference = set(asked.body["reference_snapshot_ids"])
    found = []
    for key in sorted(earlier, key=lambda name: Partition.parse(name).end, reverse=True)[:LOOK_BACK]:
        if asked.accepted[key] in reference:
            nothing = dict.fromkeys(drifted, 0.0)
            found.append(Look(partition_key=key, outcome=None, sizes=nothing, failed=frozenset()))
            break
        window = window_of(key, asked.window)
        if key in seen or not all(one in asked.accepted for one in window):
            continue
        sizes = reading.sizes([asked.accepted[one] for one in window], drifted)
        failed = frozenset(name for name, size in sizes.items() if size >= 1)
        found.append(Look(partition_key=key, outcome=None, sizes=sizes, failed=failed))
        if len(sizes) == len(drifted) and not failed:
            break
    return found


def _changes(reading: Reading | ProfileReading, columns: Mapping[str, Pair]) -> dict[str, list[Change]]:
    """Say how each column changed: from the reference, and from the partition before."""
    from airflow_provider_mlops.statistics.drift_cause import changes_of, merged

    asked = reading.asked
    now = Partition.parse(asked.body["partition_key"]).start
    earlier = [key for key in asked.accepted if Partition.parse(key).end <= now]
    newest = max(earlier, key=lambda key: Partition.parse(key).end, default=None)
    before = {} if newest is None else reading.summaries([asked.accepted[newest]], list(columns))
    return {
        name: merged(changes_of(*pair), changes_of(was, pair[1]) if (was := before.get(name)) is not None else [])
        for name, pair in columns.items()
    }


def _served_changes(asked: Asked, columns: Mapping[str, Pair]) -> dict[str, list[Change]]:
    """Say how each column of what was served changed from the reference."""
    from airflow_provider_mlops.statistics.drift_cause import changes_of

    units = asked.body.get("kind") == DriftKind.SKEW
    return {name: changes_of(*pair, units=units) for name, pair in columns.items()}


def _feature(
    name: str,
    asked: Asked,
    looks: Sequence[Look],
    changes: Sequence[Change],
    slices: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    up_to = [look for look in looks if not _after(look, asked.body["partition_key"])]
    began = since(up_to, name) if up_to else Since(asked.body["partition_key"], None)
    rules = [rule for rule in asked.body["verdict"]["rules"] if rule["numbers"].get("feature") == name]
    return {
        "feature": name,
        "size": look_of(asked.body).sizes[name],
        "reasons": [rule["reason"] for rule in rules if rule["outcome"] == "FAIL" and not _names_values(rule)],
        "changes": [item.to_dict() for item in changes],
        "slices": list(slices),
        "since": began.first,
        "clean": began.clean,
    }


def _names_values(rule: Mapping[str, Any]) -> bool:
    """Tell whether the reason of a rule names categories, also rare ones: a page must not."""
    listed = rule["numbers"].get("new") or rule["numbers"].get("vanished")
    return bool(listed) or rule["rule"].endswith((":new", ":vanished"))


def _after(look: Look, key: str) -> bool:
    return Partition.parse(look.partition_key).end > Partition.parse(key).end


def _upstream(asked: Asked, features: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Compare what came before and after each beginning of a drift."""
    accepted = asked.accepted
    keys = sorted(accepted, key=lambda name: Partition.parse(name).end)
    found = []
    for first in dict.fromkeys(item["since"] for item in features):
        if first not in accepted or keys.index(first) == 0:
            continue
        place = keys.index(first)
        clean, *before = [_origin(asked, accepted[key]) for key in reversed(keys[max(0, place - 3) : place])]
        drifted = _origin(asked, accepted[first])
        found.append(
            {
                "clean": keys[place - 1],
                "drifted": first,
                "features": [item["feature"] for item in features if item["since"] == first],
                "changes": [item.to_dict() for item in upstream_changes(clean, drifted, before[::-1])],
                "acts": acts_between(asked.history, clean, drifted),
                "clean_runs": [dict(run) for run in clean.runs],
                "drifted_runs": [dict(run) for run in drifted.runs],
            }
        )
    return found


def _origin(asked: Asked, snapshot_id: str) -> Origin:
    try:
        columns = types_of(asked.storage, asked.dataset, snapshot_id)
    except MLOpsError:
        columns = {}
    return origin_of(asked.history, snapshot_id, columns)
