"""A scoring that stopped because too many rows failed: it leaves a record, and no log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.verdict import Outcome

if TYPE_CHECKING:
    from airflow_provider_mlops.core.ledger import Ledger
    from airflow_provider_mlops.core.run import RunFacts
    from airflow_provider_mlops.core.score_plan import ScorePlan

_DECIDES = ("log_id", "rows", "failed", "max_failed_share", "errors")


class ScoringRefused(Refused):
    """Raised when more rows could not be scored than may.

    :param plan: what was to be scored.
    :param log_id: names the log that would have been.
    :param rows: rows of the snapshot.
    :param kinds: how many rows failed until scoring stopped, by kind of error.
    :param last: why the last one failed; empty where that is not known.
    """

    def __init__(self, plan: ScorePlan, log_id: str, rows: int, kinds: Mapping[str, int], last: str = "") -> None:
        failed = sum(kinds.values())
        super().__init__(
            f"{failed:,} of {rows:,} rows could not be scored, more than max_failed_share={plan.max_failed_share} "
            f"allows; scoring stopped, nothing is logged.{' The last one: ' if last else ''}{last}"
        )
        self.facts: dict[str, Any] = {
            **plan.facts(),
            "log_id": log_id,
            "rows": rows,
            "failed": failed,
            "share": failed / rows,
            "max_failed_share": plan.max_failed_share,
            "errors": dict(kinds),
        }


def record_refused(
    ledger: Ledger, err: ScoringRefused, run: RunFacts, key: Callable[[RunFacts, Mapping[str, Any]], str]
) -> None:
    """Record it: monitoring would take a missing log for a day that nobody scored.

    :param ledger: the model's ledger.
    :param err: why nothing was logged.
    :param run: facts of the run.
    :param key: names a decision of the run.
    """
    ledger.append(
        kind="predictions_refused",
        key=key(run, {"refused": {name: err.facts[name] for name in _DECIDES}}),
        body=err.facts,
        run=run.to_record(),
        mode=run.mode,
        outcome=Outcome.FAIL,
    )
