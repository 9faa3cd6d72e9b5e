"""Whether a bad performance takes a promotion back: soon after it, about that very version, and proved on labels."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from airflow_provider_mlops.core.alias_moves import CHAMPION, PROMOTION, deciding_move
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.retrain_policy import PERFORMANCE, Breach, Signal
from airflow_provider_mlops.core.retrain_signals import outcomes_of
from airflow_provider_mlops.core.verdict import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is done about a verdict.

    :param rolls_back: whether the promotion is taken back.
    :param reason: why, or why not, in one sentence.
    :param verdict: the verdict; None where there is none.
    :param version: the version that it is about.
    """

    rolls_back: bool
    reason: str
    verdict: Record | None = field(default=None, repr=False)
    version: str | None = None


def answer_breach(records: Sequence[Record], breach: Breach, partition_key: str) -> Answer:
    """Say whether the newest performance verdict about a partition takes the champion's promotion back.

    :param records: records of the model's ledger, oldest first.
    :param breach: the policy.
    :param partition_key: the partition.
    :return: the answer.
    """
    live = [record for record in records if (record.kind, record.mode) == (PERFORMANCE, Mode.LIVE)]
    verdict = next((record for record in reversed(live) if record.body["partition_key"] == partition_key), None)
    if verdict is None:
        return Answer(rolls_back=False, reason=f"There is no live performance verdict about {partition_key}.")
    version = verdict.body.get("champion_version")

    def no(reason: str) -> Answer:
        return Answer(rolls_back=False, reason=reason, verdict=verdict, version=version)

    bad = [
        kind for kind, outcome in outcomes_of(verdict, Signal(kinds=breach.kinds)).items() if outcome is Outcome.FAIL
    ]
    if not bad:
        return no(f"The performance of {partition_key} is no breach of the kinds {', '.join(breach.kinds)}.")
    move = deciding_move(records, CHAMPION)
    if move is None or move.body["version"] != version:
        holds = move.body["version"] if move else None
        return no(f"The breach is about version {version}; version {holds or '(none)'} is champion now.")
    if move.kind != PROMOTION:
        return no(f"Version {version} is champion by a {move.kind}, which a breach does not take back.")
    since = [record for record in live if record.seq > move.seq and record.body.get("champion_version") == version]
    windows = len({record.body["partition_key"] for record in since if record.seq <= verdict.seq})
    if not windows or windows > breach.within:
        return no(
            f"The breach of {partition_key} is in verdict {windows} since version {version} was promoted; only the "
            f"first {breach.within} take the promotion back."
        )
    return Answer(
        rolls_back=True,
        reason=(
            f"Performance ({', '.join(bad)}) of {partition_key} FAIL, verdict {windows} since version {version} was "
            f"promoted: {_why(verdict, bad)} Record {verdict.hash}."
        ),
        verdict=verdict,
        version=version,
    )


def _why(verdict: Record, kinds: Sequence[str]) -> str:
    rules = (verdict.body.get("verdict") or {}).get("rules") or ()
    broken = [rule for rule in rules if rule["outcome"] == Outcome.FAIL]
    of_kind = [rule for rule in broken if (rule.get("numbers") or {}).get("kind") in kinds] or broken
    return str(of_kind[0]["reason"])[:200] if of_kind else ""
