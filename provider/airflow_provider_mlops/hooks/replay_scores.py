"""What a replay compares after it has trained: scores, metrics, and the gate's verdict by the recorded policy."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.dependence import stored_dependence
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.evaluation import CANDIDATE, Contender
from airflow_provider_mlops.core.gate_facts import gate_facts
from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.hooks.scores_store import read_score_frame, score_table
from airflow_provider_mlops.hooks.scoring import score_again

if TYPE_CHECKING:
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.storage import Storage
    from airflow_provider_mlops.statistics.score_table import ScoreTable

LEVEL = 0.90


def replayed_table(
    storage: Storage, model: str, evaluation: Record, training: Record, estimator: Any
) -> tuple[ScoreTable, dict[str, int]]:
    """Put the scores of a replayed model in the place of the recorded candidate's.

    :param storage: where scores and snapshots lie.
    :param model: name of the registered model.
    :param evaluation: record of the evaluation.
    :param training: record of the training.
    :param estimator: the model that was trained again.
    :return: the table that the gate judges; and the number of ``rows``, and of ``other`` scores than the recorded ones.
    :raises EvidenceBroken: when scores or rows are missing or were changed.
    :raises BadInput: when the test rows are not those of the scores.
    """
    body = evaluation.body
    frame, facts = read_score_frame(storage, model, body["scores_id"])
    row_ids, columns = score_again(storage, Contender(training, None), estimator)
    if list(row_ids) != list(frame["row_id"]):
        raise BadInput(f"The {len(row_ids):,} test rows are not the {len(frame):,} that were scored, in their order.")
    different = sum(frame[name].to_numpy() != scores for name, scores in columns.items())
    counts = {"rows": len(frame), "other": int((different > 0).sum())}
    return score_table(frame.assign(**columns), facts, body.get("thresholds")), counts


def compare_metrics(table: ScoreTable, evaluation: Record, tolerance: float) -> RuleResult:
    """Measure the replayed scores, and compare with the recorded metrics of the candidate.

    :param table: the replayed scores.
    :param evaluation: record of the evaluation.
    :param tolerance: largest absolute difference that still counts as the recorded value.
    :return: PASS when every metric is within the tolerance.
    """
    from airflow_provider_mlops.statistics.measurements import measure_all

    body = evaluation.body
    recorded = {name: _value(found) for name, found in body["metrics"].items()}
    together = stored_dependence(body)
    found = measure_all(table, list(recorded), LEVEL, evaluation_id=body["evaluation_id"], dependence=together)
    away = {name: _away(value, _value(found[name])) for name, value in recorded.items()}
    worst = max(away, key=lambda name: away[name], default=None)
    if worst is None:
        return RuleResult(rule="metrics", outcome=Outcome.INCONCLUSIVE, reason="No metric is on record.")
    within = away[worst] <= tolerance
    reason = f"{len(away)} metrics, the largest difference from the record is {away[worst]:.3g} ({worst})"
    return RuleResult(
        rule="metrics",
        outcome=Outcome.PASS if within else Outcome.FAIL,
        reason=f"{reason}; the tolerance is {tolerance:g}.",
        numbers={
            "differences": {name: far if far < inf else None for name, far in away.items()},
            "tolerance": tolerance,
        },
    )


def compare_gate(table: ScoreTable, evaluation: Record, gate: Record, records: Sequence[Record]) -> RuleResult:
    """Judge the replayed scores by the recorded policy, as of the time of the recorded verdict.

    :param table: the replayed scores.
    :param evaluation: record of the evaluation.
    :param gate: record of the gate's verdict.
    :param records: records of the model's ledger; what came after the verdict does not count.
    :return: PASS when the verdict is the recorded one.
    """
    from airflow_provider_mlops.statistics.gate import judge

    content = gate.body.get("policy_content")
    if content is None:
        reason = "The record of the gate holds the hash of its policy only: it cannot be judged again."
        return RuleResult(rule="verdict", outcome=Outcome.INCONCLUSIVE, reason=reason)
    before = [record for record in records if record.seq < gate.seq]
    verdict = judge(
        Policy.from_mapping(content),
        table,
        evaluation_id=evaluation.body["evaluation_id"],
        looks=gate.body["looks"],
        facts=gate_facts(before, evaluation),
    )
    recorded = {rule["rule"]: rule["outcome"] for rule in gate.body["verdict"]["rules"]}
    changed = [r.rule for r in verdict.rules if recorded.get(r.rule) != r.outcome]
    same = verdict.outcome == gate.outcome
    reason = f"The recorded policy gives {verdict.outcome}, on record is {gate.outcome}"
    reason += f"; other outcomes of {', '.join(changed[:10])}" if changed else f"; all {len(verdict.rules)} rules agree"
    return RuleResult(rule="verdict", outcome=Outcome.PASS if same else Outcome.FAIL, reason=f"{reason}.")


def _value(found: Any) -> float | None:
    candidate = (found or {}).get(CANDIDATE) if found else None
    return None if candidate is None else candidate.get("value")


def _away(recorded: float | None, found: float | None) -> float:
    if recorded is None or found is None:
        return 0.0 if recorded is found else inf
    return abs(recorded - found)
