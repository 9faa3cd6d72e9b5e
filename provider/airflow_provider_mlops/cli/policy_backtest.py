"""``airflow mlops policy backtest``: all recorded evaluations of a model, judged by a new policy."""

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.cli.exit_codes import BROKEN, exit_codes
from airflow_provider_mlops.cli.models import model_records
from airflow_provider_mlops.cli.output import print_table, say, write_json
from airflow_provider_mlops.cli.policy import open_policy
from airflow_provider_mlops.core.backtest import Case, Retried, cases_of, summarise, summary_text
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.record import Record

if TYPE_CHECKING:
    from airflow_provider_mlops.core.policy import Policy
    from airflow_provider_mlops.hooks.storage import Storage

NOT_JUDGED = "not judged"
_COLUMNS = ("partition", "candidate", "champion", "recorded", "new", "what changed")


@exit_codes
def backtest(args: Namespace) -> None:
    """Print the verdict of a new policy beside each recorded one, and what would have changed.

    :param args: ``policy``, ``model``, ``since`` and ``until`` (None for all), ``json``, ``storage_root`` and
        ``ledger_root``.
    """
    from airflow_provider_mlops.hooks.storage import Storage

    policy = open_policy(args.policy)
    records = model_records(args.model, args.ledger_root)
    cases = cases_of(records, since=args.since, until=args.until)
    if not cases:
        raise BadInput(f"There is nothing to judge: {_what_there_is(args.model, records)}.")
    storage = Storage(args.storage_root, args.ledger_root)
    retried = [_judge(policy, case, storage) for case in cases]
    counts = summarise(retried)
    if args.json:
        write_json(
            {"policy": policy.name, "hash": policy.hash, "summary": counts, "cases": list(map(_listed, retried))}
        )
    else:
        print_table(_COLUMNS, [_row(one) for one in retried])
        say("")
        say(f"Policy {policy.name} {summary_text(counts)}.")
    if counts["not_judged"]:
        say(f"{counts['not_judged']} of {len(cases)} evaluations could not be judged: see the table.", error=True)
        raise SystemExit(BROKEN)


def _judge(policy: "Policy", case: Case, storage: "Storage") -> Retried:
    """Judge one evaluation; scores that are gone or changed are a finding, not the end."""
    from airflow_provider_mlops.hooks.scores_store import recorded_scores
    from airflow_provider_mlops.statistics.gate import judge

    body = case.evaluation.body
    model = case.evaluation.chain.rpartition("/")[2]
    try:
        table = recorded_scores(storage, model, body)
        verdict = judge(policy, table, evaluation_id=body["evaluation_id"], looks=case.looks, facts=case.facts)
    except (BadInput, EvidenceBroken) as err:
        return Retried(case=case, problem=str(err))
    return Retried(case=case, verdict=verdict)


def _what_there_is(model: str, records: Sequence[Record]) -> str:
    keys = sorted({r.body["partition_key"] for r in records if r.kind == "evaluation" and r.mode == "live"})
    if not keys:
        return f"model {model!r} has no recorded evaluation"
    return f"the evaluations of model {model!r} are of {keys[0]} to {keys[-1]}"


def _row(one: Retried) -> Sequence[str | int | None]:
    body, recorded = one.case.evaluation.body, one.case.recorded
    return (
        body["partition_key"],
        body["candidate"]["version"],
        body["champion"]["version"] if body["champion"] else None,
        f"{recorded.outcome}{' (promoted)' if one.case.promoted else ''}" if recorded else None,
        one.verdict.outcome if one.verdict else NOT_JUDGED,
        one.reason,
    )


def _listed(one: Retried) -> dict[str, Any]:
    body, case = one.case.evaluation.body, one.case
    return {
        "partition_key": body["partition_key"],
        "evaluation_id": body["evaluation_id"],
        "candidate_version": body["candidate"]["version"],
        "champion_version": body["champion"]["version"] if body["champion"] else None,
        "looks": case.looks,
        "recorded": case.recorded.outcome.value if case.recorded else None,
        "recorded_policy": case.gate.body["policy_hash"] if case.gate else None,
        "promoted": case.promoted,
        "verdict": one.verdict.to_dict() if one.verdict else None,
        "changed": one.changed,
        "reason": one.reason,
        "problem": one.problem or None,
    }
