"""The certificate of a partition that a backfill audited: put together from the records that its run wrote."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from airflow_provider_mlops.core.audit_rules import own_records, policy_difference
from airflow_provider_mlops.core.base import chain_facts
from airflow_provider_mlops.core.certificate import (
    Cause,
    Difference,
    build_certificate,
    recorded_facts,
    reproduced,
)
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.replay import Level
from airflow_provider_mlops.core.replay_choice import cited_records
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome, RuleResult

REQUIRED = Level.L1


def audit_certificate(
    model: str,
    records: Sequence[Record],
    run: RunFacts,
    ended: RuleResult | None = None,
    rules: Iterable[Difference] = (),
) -> tuple[Record, dict[str, Any]] | None:
    """Say how far an audited run agrees with the live one: its training, its scores and its verdict.

    :param model: name of the registered model.
    :param records: records of the model's ledger, oldest first.
    :param run: facts of the audit's run.
    :param ended: where the audit could not go on, what says so; it stands there unless something
        else is as bad.
    :param rules: what `core.audit_rules.rule_differences` says of the rows that were judged.
    :return: the live record of the training, and the certificate; None where the run has replayed no training.
    """
    own = own_records(records, run)
    replay = own.get("replay")
    training = next((r for r in records if replay is not None and r.hash == replay.body["of"]), None)
    if replay is None or training is None:
        return None
    differences = [Difference(Cause(item["cause"]), item["detail"]) for item in replay.body.get("causes", ())]
    gate = own.get("gate")
    policy = policy_difference(gate) if gate is not None else None
    differences += [one for one in (*rules, policy) if one is not None and one not in differences]
    level, checks = Level(replay.body["level"]), [*_scores(own), *_verdict(own)]
    if ended is not None:
        said = {result.outcome for result in (reproduced(level, REQUIRED, differences), *checks)}
        checks += [ended] if said.isdisjoint((ended.outcome, Outcome.FAIL)) else []
    certificate = build_certificate(
        model,
        training,
        cited=cited_records(records, training),
        level=level,
        require=REQUIRED,
        checks=checks,
        differences=differences,
        figures={**_bases(records, training), **recorded_facts(training.body)},
    )
    return training, certificate


def _bases(records: Sequence[Record], training: Record) -> dict[str, Any]:
    """Name what the training went on from; an audit fetches it by its hash."""
    bases = [{**base, "level": None} for base in reversed(chain_facts(records, training.body["manifest"]))]
    return {"bases": bases, "depth": len(bases) + 1, "replayed_from": "base"} if bases else {}


def _scores(own: dict[str, Record]) -> Iterator[RuleResult]:
    if (evaluation := own.get("evaluation")) is None:
        return
    reason = {
        Outcome.PASS: "The recorded models, their bytes checked, give every test row its recorded score, bit by bit.",
        Outcome.FAIL: "The recorded models give other scores than the recorded ones.",
    }
    outcome = Outcome(evaluation.outcome or Outcome.INCONCLUSIVE)
    yield RuleResult(rule="scores", outcome=outcome, reason=reason.get(outcome, "No evaluation is on record."))


def _verdict(own: dict[str, Record]) -> Iterator[RuleResult]:
    if (gate := own.get("gate")) is None:
        return
    recorded = gate.body.get("recorded")
    if recorded is None:
        yield RuleResult(rule="verdict", outcome=Outcome.INCONCLUSIVE, reason="No verdict is on record.")
    elif recorded["policy_hash"] != gate.body["policy_hash"]:
        reason = f"The policy is another one than then: it gives {gate.outcome}, on record is {recorded['outcome']}."
        yield RuleResult(rule="verdict", outcome=Outcome.INCONCLUSIVE, reason=reason)
    else:
        same = recorded["outcome"] == gate.outcome
        reason = f"The recorded policy gives {gate.outcome}, on record is {recorded['outcome']}."
        yield RuleResult(rule="verdict", outcome=Outcome.PASS if same else Outcome.FAIL, reason=reason)
