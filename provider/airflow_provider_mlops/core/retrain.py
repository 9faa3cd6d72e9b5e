"""When drift leads to a retraining: which drift records wait for one, and whether this run is the one to act."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict


def pending_drift(records: Iterable[Record]) -> list[Record]:
    """Return the drift that nobody has answered: live, FAIL, and cited by no live ``retrain_claim``.

    :param records: records of the model's chain.
    :return: the drift records, in the order given.
    """
    held = list(records)
    answered = answered_verdicts(held)
    return [record for record in held if _is_drift(record) and record.hash not in answered]


def answered_verdicts(records: Iterable[Record]) -> frozenset[str]:
    """Return the hashes of all verdicts that a live claim cites.

    :param records: records of the model's chain.
    """
    return frozenset(digest for claim in live_claims(records) for digest in _cited(claim))


def newest_claim(records: Iterable[Record]) -> Record | None:
    """Find the live claim of the newest partition; of several of one partition the last.

    :param records: records of the model's chain, oldest first.
    :return: the claim, None when nothing was ever claimed.
    """
    return max(live_claims(records), key=lambda claim: (_end(claim), claim.seq), default=None)


def claim_of_run(records: Iterable[Record], run: RunFacts) -> Record | None:
    """Find the claim that an earlier try of the same run made.

    :param records: records of the model's chain.
    :param run: facts of the run.
    :return: the claim, None when this run has made none.
    """
    made_by = (run.dag_id, run.run_id)
    return next((c for c in live_claims(records) if (c.run.get("dag_id"), c.run.get("run_id")) == made_by), None)


def live_claims(records: Iterable[Record]) -> list[Record]:
    """Return the live ``retrain_claim`` records.

    :param records: records of the model's chain.
    :return: the claims, in the order given.
    """
    return [record for record in records if record.kind == "retrain_claim" and record.mode == Mode.LIVE]


def newly_claimed(claim: Record, records: Iterable[Record]) -> list[str]:
    """Return the drift records that a claim was the first to cite.

    Two runs that saw different sets of pending drift can both write a claim. The earlier one holds what both cite;
    a run whose claim holds nothing lost the race and has nothing to do.

    :param claim: the claim, as `Ledger.append` returned it.
    :param records: records of the model's chain, read after the claim was written.
    :return: hashes of the drift records that this claim holds.
    """
    earlier = {digest for other in live_claims(records) if other.seq < claim.seq for digest in _cited(other)}
    return [digest for digest in _cited(claim) if digest not in earlier]


def decide_retrain(pending: Sequence[Record], claims: Sequence[Record], *, now_partition: str) -> Verdict:
    """Decide whether the run of a partition should retrain; PASS means: claim the pending drift and train.

    - ``drift_pending``: there is drift that no claim answers.
    - ``newest_drift``: no pending drift is of a newer partition, whose own run will answer all of it.
    - ``not_behind``: no claim was made for a newer partition, whose model would win at the promotion.

    :param pending: what `pending_drift` returned.
    :param claims: what `live_claims` returned.
    :param now_partition: partition key of this run.
    :return: PASS or FAIL, with the reason of every rule.
    :raises BadInput: when a partition key is not one.
    """
    Partition.parse(now_partition)
    newest_pending = _newest(pending)
    newest_claim = _newest(claims)
    count = len(pending)
    return Verdict.from_rules(
        (
            _rule(
                "drift_pending",
                count > 0,
                f"Drift waits for a retraining: {count} record(s), the newest of {newest_pending}.",
                "No drift waits for a retraining: none was found, or an earlier run has claimed it.",
                pending=count,
            ),
            _rule(
                "newest_drift",
                not _newer(newest_pending, now_partition),
                f"No pending drift is newer than {now_partition}.",
                f"Drift of {newest_pending} is pending too, and its run answers all; this one is of {now_partition}.",
                newest_pending=newest_pending,
            ),
            _rule(
                "not_behind",
                not _newer(newest_claim, now_partition),
                f"No retraining was claimed for a partition newer than {now_partition}.",
                f"A retraining for {newest_claim} was claimed already; one for {now_partition} would be older.",
                newest_claim=newest_claim,
            ),
        )
    )


def _is_drift(record: Record) -> bool:
    return record.kind == "drift" and record.mode == Mode.LIVE and record.outcome == Outcome.FAIL


def _cited(claim: Record) -> list[str]:
    return [*claim.body.get("drift_record_hashes", ()), *claim.body.get("performance_record_hashes", ())]


def _end(record: Record) -> datetime:
    return Partition.parse(record.body["partition_key"]).end


def _newest(records: Sequence[Record]) -> str | None:
    newest = max(records, key=_end, default=None)
    return None if newest is None else str(newest.body["partition_key"])


def _newer(key: str | None, than: str) -> bool:
    return key is not None and Partition.parse(key).end > Partition.parse(than).end


def _rule(name: str, holds: bool, yes: str, no: str, **numbers: int | str | None) -> RuleResult:
    return RuleResult(
        rule=name,
        outcome=Outcome.PASS if holds else Outcome.FAIL,
        reason=yes if holds else no,
        numbers=numbers,
    )
