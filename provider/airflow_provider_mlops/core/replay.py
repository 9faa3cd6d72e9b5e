"""Comparing a replayed training with its record."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from airflow_provider_mlops.core.gone import Gone
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict

# What is installed beside it differs between any two machines; whatever was imported is compared one by one.
_NOT_COMPARED = ("installed",)

_SHOWN = 10
TOLERANCE = 1e-6
"""Largest absolute difference of a metric that counts as the recorded one, unless another is asked for."""


class Level(StrEnum):
    """How far a replay agrees with the record; the first that holds counts."""

    L0 = "L0"  # the same canonical digest of the artifact, hence the same learned parameters
    L1 = "L1"  # the same predictions, bit by bit
    L2 = "L2"  # other predictions, but the recorded metrics within a tolerance
    L3 = "L3"  # other metrics, but the recorded verdict
    ERASED = "erased"  # another model, from the rows that lawful erasures have left
    NONE = "none"
    NO_RECORD = "no record"


def compare_training(record: Mapping[str, Any], replayed: Mapping[str, Any]) -> tuple[Level, list[str]]:
    """Say at which level a replay agrees with the record, and list what differs.

    :param record: body of the training record: ``model_digest``, ``prediction_digest``, ``environment``, the
        manifest's ``code_files`` and, where one was chosen, ``operating_threshold``.
    :param replayed: the same members, as found by the replay.
    :return: the level and one sentence per difference, causes first; a difference of code or environment is listed
        even when the result agrees.
    """
    differences = code_differences(record["manifest"]["code_files"], replayed["code_files"])
    differences += environment_differences(record["environment"], replayed["environment"])
    if (threshold := _threshold_difference(record, replayed)) is not None:
        return Level.NONE, [*differences, threshold]
    if record["model_digest"] == replayed["model_digest"]:
        return Level.L0, differences
    differences.append(f"model digest: recorded {record['model_digest']}, replayed {replayed['model_digest']}")
    if record["prediction_digest"] == replayed["prediction_digest"]:
        return Level.L1, differences
    differences.append("predictions on the probe rows differ from the record")
    return Level.NONE, differences


def excused(level: Level, differences: list[str], erased: Sequence[Gone]) -> tuple[Level, list[str]]:
    """Name lawfully erased rows as a cause; a model that then differs is no contradiction to its record.

    :param level: the level that was reached on the rows that are left.
    :param differences: what differs.
    :param erased: what was erased from the training snapshots since.
    :return: the level, and the differences with that cause first.
    """
    if not erased:
        return level, differences
    rows, records = sum(item.rows for item in erased), sorted({item.record for item in erased})
    cause = f"rows: differs by {rows:,} lawfully erased rows (erasure {', '.join(records[:3])})"
    return Level.ERASED if level is Level.NONE else level, [cause, *differences]


def replay_verdict(level: Level, differences: list[str], *, trained: bool = True, lawful: bool = False) -> Verdict:
    """Turn a comparison into a verdict.

    :param level: the level that was reached.
    :param differences: what differs.
    :param trained: whether it could be trained again at all.
    :param lawful: where it could not, whether what it needs was removed by a recorded decision.
    :return: PASS for L0 and L1, FAIL when the result differs, INCONCLUSIVE without a record and where rows that the
        model was trained on were erased or pruned.
    """
    because = f" Differences: {'; '.join(differences[:5])}." if differences else ""
    outcomes = {
        Level.L0: (Outcome.PASS, "The replay gave the same model, parameter by parameter (L0)."),
        Level.L1: (Outcome.PASS, "The replay gave the same predictions bit by bit, in another artifact (L1)."),
        Level.L2: (Outcome.PASS, "The replay gave the recorded metrics, by other predictions (L2)."),
        Level.L3: (Outcome.PASS, "The replay gave the recorded verdict, by other metrics (L3)."),
        Level.ERASED: (Outcome.INCONCLUSIVE, "The rows of the record are not all there: some were lawfully erased."),
        Level.NONE: (Outcome.FAIL, "The replay gave another model or operating threshold than the record."),
        Level.NO_RECORD: (Outcome.INCONCLUSIVE, "There is no live record to compare with."),
    }
    outcome, reason = outcomes[level]
    if not trained:
        outcome = Outcome.INCONCLUSIVE if lawful else Outcome.FAIL
        reason = "Nothing was trained again: what the record names is not all there."
    result = RuleResult(rule="replay", outcome=outcome, reason=reason + because, numbers={"level": level.value})
    return Verdict.from_rules([result])


def _threshold_difference(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    before, now = (facts.get("operating_threshold") or {} for facts in (recorded, found))
    if before == now:
        return None
    return f"operating threshold: recorded {before.get('value')}, replayed {now.get('value')}"


def code_differences(recorded: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Name the modules whose source is not the recorded one.

    :param recorded: module name to SHA-256 of its source, as recorded.
    :param found: the same, as it is now.
    :return: one sentence, or none.
    """
    changed = sorted(name for name in recorded.keys() | found.keys() if recorded.get(name) != found.get(name))
    return [f"code differs from the record in {', '.join(changed[:10])}"] if changed else []


def data_file_differences(recorded: Mapping[str, str], found: Mapping[str, str | None]) -> list[str]:
    """Name the files that a training has read, and that are not the recorded ones.

    :param recorded: SHA-256 by path, as recorded.
    :param found: the same, as it is now; None for a file that is not there.
    :return: one sentence, or none.
    """
    other = [
        f"{name} ({'missing' if found.get(name) is None else 'changed'})"
        for name, digest in sorted(recorded.items())
        if found.get(name) != digest
    ]
    return [f"files that the training has read differ from the record: {_first(other)}"] if other else []


def other_reads(recorded: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Name the files that a replay has read, and the recorded training has not.

    :param recorded: SHA-256 by path, as recorded.
    :param found: what the replay has read.
    :return: one sentence, or none.
    """
    other = sorted(found.keys() - recorded.keys())
    return [f"the replay has read files that the training had not read: {_first(other)}"] if other else []


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def environment_differences(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Name what of the environment differs; what the record does not state is not compared.

    :param recorded: facts of the environment, as recorded.
    :param found: the same facts, as they are now.
    :return: one sentence per difference.
    """
    before, now = _flat(recorded), _flat(found)
    return [
        f"environment: {name} was {_shown(was)}, is {_shown(now.get(name))}"
        for name, was in sorted(before.items())
        if name not in _NOT_COMPARED and was != now.get(name)
    ]


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in facts.items() if not isinstance(value, Mapping)}
    return plain | {key: item for value in facts.values() if isinstance(value, Mapping) for key, item in value.items()}
