"""The attacks: each breaks one thing that a gate rests on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.rules import (
    ArtifactScan,
    DataAge,
    Fairness,
    FlipRate,
    Infrastructure,
    Leakage,
    MetricRule,
    Stress,
)

if TYPE_CHECKING:
    from airflow_provider_mlops.core.policy import Policy
    from airflow_provider_mlops.statistics.score_table import ScoreTable

SCORES, FACTS, POLICY, FILE, REGISTRY = "scores", "facts", "policy", "file", "registry"
_LIMITS = ("value", "margin", "rows", "min_days", "max_age_days", "variant")


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack.

    :param name: its name, e.g. ``nan_scores``.
    :param breaks: what it breaks: ``scores``, ``facts``, ``policy``, ``file`` (the stored scores) or ``registry``.
    :param what: what it does, in one sentence.
    :param spoil: does it; what it takes and returns is the business of this package.
    """

    name: str
    breaks: str
    what: str
    spoil: Callable[..., Any]

    def __str__(self) -> str:
        return self.name


def attacks() -> tuple[Attack, ...]:
    """Return all attacks, for example to make a test of each.

    :return: the attacks; ``str`` of one is its name.
    """
    return _ATTACKS


def chosen(given: Iterable[Attack | str] | None) -> tuple[Attack, ...]:
    """Return the attacks that are asked for.

    :param given: attacks or their names; None for all.
    :return: the attacks.
    :raises KeyError: on a name that is none.
    """
    if given is None:
        return _ATTACKS
    known = {attack.name: attack for attack in _ATTACKS}
    return tuple(known[attack] if isinstance(attack, str) else attack for attack in given)


def _nan_scores(table: ScoreTable, _: Policy) -> ScoreTable:
    return _with_first_score(table, float("nan"))


def _infinite_scores(table: ScoreTable, _: Policy) -> ScoreTable:
    return _with_first_score(table, float("inf"))


def _null_scores(table: ScoreTable, _: Policy) -> ScoreTable:
    scores = table.candidate.copy()
    scores[::10] = float("nan")
    return replace(table, candidate=scores)


def _nan_champion(table: ScoreTable, policy: Policy) -> ScoreTable | None:
    if table.champion is None or not any(getattr(rule, "against", "") == "champion" for rule in policy.rules):
        return None
    return replace(table, champion=table.champion * float("nan"))


def _no_rows(table: ScoreTable, _: Policy) -> ScoreTable:
    return table.where(table.labels < -float("inf"))


def _one_class(table: ScoreTable, _: Policy) -> ScoreTable | None:
    return None if table.task == "regression" else table.where(table.labels == table.labels.max())


def _missing_slice_value(table: ScoreTable, policy: Policy) -> ScoreTable | None:
    for rule in policy.rules:
        if isinstance(rule, MetricRule) and rule.slice and rule.slice in table.slices and rule.values:
            return table.where(table.slices[rule.slice] != rule.values[0])
    return None


def _missing_slice_column(table: ScoreTable, policy: Policy) -> ScoreTable | None:
    needed = {rule.slice for rule in policy.rules if isinstance(rule, MetricRule)}
    needed |= {name for rule in policy.rules if isinstance(rule, Fairness) for name in rule.group}
    needed |= {policy.dependence.column} if policy.dependence else set()
    if not needed & set(table.slices):
        return None
    return replace(table, slices={name: column for name, column in table.slices.items() if name not in needed})


def _missing_variant(table: ScoreTable, policy: Policy) -> ScoreTable | None:
    return replace(table, variants={}) if any(isinstance(r, Stress | FlipRate) for r in policy.rules) else None


def _labels_outside(table: ScoreTable, _: Policy) -> ScoreTable:
    labels = table.labels.copy()
    labels[:5] = float("inf") if table.task == "regression" else labels.max() + 7
    return replace(table, labels=labels)


def _swapped_champion(table: ScoreTable, _: Policy) -> ScoreTable | None:
    """Offer the champion as the candidate, against one that is half as far from the labels as the candidate was."""
    if table.champion is None:
        return None
    return replace(table, candidate=table.champion, champion=(table.candidate + _perfect(table)) / 2)


def _constant_scores(table: ScoreTable, _: Policy) -> ScoreTable:
    constant = table.candidate * 0 + _perfect(table).mean(axis=0)
    return replace(table, candidate=constant, variants=dict.fromkeys(table.variants, constant))


def _no_facts(_: Mapping[str, Any], policy: Policy) -> dict[str, Any] | None:
    needed = any(isinstance(rule, ArtifactScan | DataAge | Infrastructure | Leakage) for rule in policy.rules)
    return {} if needed else None


def _smuggled_code(facts: Mapping[str, Any], policy: Policy) -> dict[str, Any] | None:
    """Offer a model whose archive hides a pickle that runs code, and a type that nobody has named."""
    if not any(isinstance(rule, ArtifactScan) for rule in policy.rules):
        return None
    found = facts.get("artifacts") or {}
    pickle = {"path": "model.skops/weights.npy", "opcodes": ["REDUCE", "STACK_GLOBAL"]}
    return {**facts, "artifacts": {**found, "pickles": [pickle], "untrusted_types": ["os.system"]}}


def _unknown_key(mapping: Mapping[str, Any]) -> dict[str, Any]:
    first, *rest = mapping["rules"]
    return {**mapping, "rules": [{**first, "min_rwos": 1}, *rest]}


def _unknown_metric(mapping: Mapping[str, Any]) -> dict[str, Any] | None:
    if not any("metric" in rule for rule in mapping["rules"]):
        return None
    rules = [{**rule, "metric": "no_such_metric"} if "metric" in rule else rule for rule in mapping["rules"]]
    return {**mapping, "rules": rules}


def _no_limits(mapping: Mapping[str, Any]) -> dict[str, Any] | None:
    rules = [{key: value for key, value in rule.items() if key not in _LIMITS} for rule in mapping["rules"]]
    return {**mapping, "rules": rules} if rules != list(mapping["rules"]) else None


def _truncated(folder: Path) -> None:
    for path in folder.glob("*.parquet"):
        path.write_bytes(path.read_bytes()[:-64])


def _other_rows(folder: Path) -> None:
    """Exchange a row's name, and write the hash of the changed file into the manifest beside it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from airflow_provider_mlops.backends.parquet import MANIFEST, file_facts

    manifest = json.loads((folder / MANIFEST).read_text())
    for path in folder.glob("*.parquet"):
        table = pq.read_table(path)
        names = ["another row", *table["row_id"].to_pylist()[1:]]
        place = table.schema.get_field_index("row_id")
        pq.write_table(
            table.set_column(place, table.schema.field(place), pa.array(names, table.schema.types[place])), path
        )
        manifest["files"] = [file_facts(path)]
    (folder / MANIFEST).write_text(json.dumps(manifest))


def _gone(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _repeated_rows(frame: Any) -> Any:
    """Offer each row three times: intervals would be narrower than the rows can say."""
    return frame.loc[frame.index.repeat(3)].reset_index(drop=True)


def _with_first_score(table: ScoreTable, value: float) -> ScoreTable:
    scores = table.candidate.copy()
    scores[0] = value
    return replace(table, candidate=scores)


def _perfect(table: ScoreTable) -> Any:
    """Return the scores of a model that knows the labels."""
    import numpy as np

    if table.task != "multiclass":
        return table.labels
    return np.eye(table.candidate.shape[1])[table.labels.astype(np.int64)]


def _nothing() -> None:
    """Do nothing by itself: the target offers a registry that is not there."""


_ATTACKS = (
    Attack("nan_scores", SCORES, "One score of the candidate is NaN.", _nan_scores),
    Attack("infinite_scores", SCORES, "One score of the candidate is infinite.", _infinite_scores),
    Attack("null_scores", SCORES, "A tenth of the candidate's scores is missing.", _null_scores),
    Attack("nan_champion", SCORES, "The champion's scores are NaN.", _nan_champion),
    Attack("empty_table", SCORES, "There is no test row.", _no_rows),
    Attack("one_class", SCORES, "All test rows are of one class.", _one_class),
    Attack("missing_slice_value", SCORES, "A slice that the policy wants has no row.", _missing_slice_value),
    Attack("missing_slice_column", SCORES, "The columns that the policy slices by are missing.", _missing_slice_column),
    Attack("missing_variant", SCORES, "The altered rows were not scored.", _missing_variant),
    Attack("labels_outside", SCORES, "Some labels are none of the classes.", _labels_outside),
    Attack("swapped_champion", SCORES, "The candidate is the old champion, the champion is better.", _swapped_champion),
    Attack("constant_scores", SCORES, "The candidate gives every row the same score.", _constant_scores),
    Attack("missing_facts", FACTS, "Serving, leakage, age and files were not recorded.", _no_facts),
    Attack("smuggled_code", FACTS, "The model's archive hides a pickle and an untrusted type.", _smuggled_code),
    Attack("unknown_policy_key", POLICY, "A rule has a misspelt key.", _unknown_key),
    Attack("missing_metric", POLICY, "The rules are about a metric that does not exist.", _unknown_metric),
    Attack("missing_limit", POLICY, "The rules have lost their limits.", _no_limits),
    Attack("truncated_scores", FILE, "The end of the file with the scores is cut off.", _truncated),
    Attack("wrong_hash", FILE, "The stored rows are not those that were hashed.", _other_rows),
    Attack("missing_scores", FILE, "The stored scores are gone.", _gone),
    Attack("duplicate_rows", FILE, "Every test row stands there three times.", _repeated_rows),
    Attack("dead_registry", REGISTRY, "No registry answers.", _nothing),
)
