"""The demo: let the scheduler run the reference Dags, and check that everything ended as it should."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console

from airflow_provider_mlops.embedded import report, report_replay, report_watch, services
from airflow_provider_mlops.embedded.api import FINISHED
from airflow_provider_mlops.embedded.config import EmbeddedError
from airflow_provider_mlops.embedded.progress import Progress, RunView, view_runs
from airflow_provider_mlops.embedded.runtime import EmbeddedAirflow

SETTLE_SECONDS = 5.0
EVENT_SECONDS = 30.0
POLL_SECONDS = 1.0
_LOG_LINES = 25


class StoryError(EmbeddedError):
    """Raised when a run, a ledger or the number of runs is not as it should be; Airflow itself is well."""


@dataclass(frozen=True, slots=True)
class Story:
    """What the demo runs, in this order.

    :param lifecycle: scheduled Dag that trains and promotes, a partition a run.
    :param score: scheduled Dag that scores what is served, a partition a run.
    :param monitor: scheduled Dag that watches drift and performance, a partition a run.
    :param retrain: Dag that a verdict's event starts.
    :param replay: Dag that replays recorded models.
    :param replayed: first and last partition that it replays.
    :param metric: the metric to show.
    """

    lifecycle: str = "flight_delays_lifecycle"
    score: str = "flight_delays_score"
    monitor: str = "flight_delays_monitor"
    retrain: str = "flight_delays_retrain"
    replay: str = "audit_replay"
    replayed: tuple[str, str] = ("2013-03", "2013-04")
    metric: str = "roc_auc"

    @property
    def dag_ids(self) -> tuple[str, ...]:
        """All of them."""
        return (self.lifecycle, self.score, self.monitor, self.retrain, self.replay)


class Teller:
    """Tells the story on a running Airflow.

    :param airflow: the running Airflow.
    :param story: what to run.
    :param console: where progress and tables go.
    :param deadline: when to give up, in seconds of `time.monotonic`.
    """

    def __init__(self, airflow: EmbeddedAirflow, story: Story, console: Console, deadline: float) -> None:
        self._airflow = airflow
        self._api = airflow.api
        self._story = story
        self._console = console
        self._deadline = deadline
        self._told: set[str] = set()

    def tell(self) -> None:
        """Run everything, print the tables, check the outcome.

        :raises StoryError: when a run failed, a Dag did not run, a ledger does not verify, or time is up.
        :raises EmbeddedError: when a process has ended.
        """
        story = self._story
        self._api.wait_for_dags(*story.dag_ids, timeout=max(10.0, min(120.0, self._deadline - time.monotonic())))
        with Progress(self._console) as progress:
            progress.say(f"{story.lifecycle}: one run per month, in order")
            self._run_all(progress, story.lifecycle)
            progress.say(f"{story.score}: one run per day, scored by the champion")
            self._run_all(progress, story.score)
            progress.say(f"{story.monitor}: one run per day; what it finds asks {story.retrain}")
            # A consumer must be awake before the event comes.
            self._api.unpause(story.retrain)
            self._api.unpause(story.monitor)
            others = (story.monitor, story.retrain)
            self._until(progress, lambda runs: self._all_scheduled(story.monitor, runs), others)
            self._settle(progress, others)
            self._replay(progress)
        self._print_tables()
        self._check_ledgers()

    def _run_all(self, progress: Progress, dag_id: str) -> None:
        """Unpause a Dag and wait until all its partitions have run."""
        self._api.unpause(dag_id)
        self._until(progress, lambda runs: self._all_scheduled(dag_id, runs), (dag_id,))

    def _replay(self, progress: Progress) -> None:
        """Train, score and judge again what some months recorded."""
        story, (since, until) = self._story, self._story.replayed
        progress.say(f"{story.replay}: every model of {since} to {until} once more, from the records; nothing moves")
        self._api.unpause(story.replay)
        self._api.trigger(story.replay, conf={"since": since, "until": until})
        self._until(progress, lambda runs: all(run.state in FINISHED for run in runs), (story.replay,))

    def _settle(self, progress: Progress, dag_ids: Sequence[str]) -> None:
        """Wait until the retraining is over: events become runs a moment later, so it must stay quiet for a while."""
        began = time.monotonic()
        quiet_since = began

        def settled(runs: Sequence[RunView]) -> bool:
            nonlocal quiet_since
            now = time.monotonic()
            if any(run.state not in FINISHED for run in runs):
                quiet_since = now
            started = any(run.dag_id == self._story.retrain for run in runs)
            if not started and now - began > EVENT_SECONDS:
                raise StoryError(
                    f"{self._story.monitor} has finished and {self._story.retrain} was not started: nothing was "
                    f"found, or its event was lost.\n{self._watched_summary()}"
                )
            return started and now - quiet_since >= SETTLE_SECONDS

        self._until(progress, settled, dag_ids)

    def _until(self, progress: Progress, done: Callable[[Sequence[RunView]], bool], dag_ids: Sequence[str]) -> None:
        """Poll and show until done; a failed run, a dead process or the deadline ends it."""
        while True:
            services.check_alive(self._airflow.processes)
            runs = view_runs(self._api, dag_ids)
            progress.show(runs)
            for run in (run for run in runs if run.state in FINISHED and run.run_id not in self._told):
                self._told.add(run.run_id)
                progress.say(run.text())
            if failed := next((run for run in runs if run.state == "failed"), None):
                raise StoryError(self._describe_failure(failed))
            if done(runs):
                return
            if time.monotonic() > self._deadline:
                active = "\n".join(f"  {run.text()}" for run in runs if run.state not in FINISHED) or "  nothing"
                raise StoryError(f"Time is up; make demo TIMEOUT=60 gives it an hour. At work were:\n{active}")
            time.sleep(POLL_SECONDS)

    def _all_scheduled(self, dag_id: str, runs: Sequence[RunView]) -> bool:
        """Say whether every run up to now has been made and has finished."""
        own = [run for run in runs if run.dag_id == dag_id]
        if not own or any(run.state not in FINISHED for run in own):
            return False
        following = self._api.dag(dag_id)["next_dagrun_run_after"]
        return following is None or datetime.fromisoformat(following) > datetime.now(tz=UTC)

    def _describe_failure(self, run: RunView) -> str:
        """Name the task that failed, with the end of its log."""
        tasks = self._api.tasks(run.dag_id, run.run_id)
        # The one that failed first: the others may have failed because of it.
        failed = sorted((t for t in tasks if t["state"] == "failed"), key=lambda t: t["end_date"] or "")
        if not failed:
            return f"{run.text()}, without a failed task. See {self._airflow.processes.log('scheduler')}"
        task = failed[0]
        log = self._api.log(
            run.dag_id, run.run_id, task["task_id"], try_number=task["try_number"], map_index=task["map_index"]
        )
        tail = "\n".join(f"  {line}" for line in log.splitlines()[-_LOG_LINES:])
        told = f"{run.dag_id} {run.name}: the task {task['task_id']} failed. The end of its log:\n{tail}"
        if any(level in log for level in (" error ", " critical ")):
            return told
        return f"{told}\nThat log knows no error: Airflow ended it. See {self._airflow.processes.log('api-server')}"

    def _watched_summary(self) -> str:
        rows = report_watch.watched_rows(report.read_records(self._airflow.layout.ledger), self._story.monitor)
        told = (f"  {row.partition}: {row.watched}: {row.verdict}: {row.cause}" for row in rows)
        return "\n".join(told) or "  No verdict."

    def _print_tables(self) -> None:
        records = report.read_records(self._airflow.layout.ledger)
        partitions = [run.name for run in view_runs(self._api, (self._story.lifecycle,))]
        rows = report.partition_rows(records, self._story.lifecycle, partitions, self._story.metric)
        self._console.print()
        self._console.print(report.partition_table(rows, self._story.metric))
        watched = report_watch.watched_rows(records, self._story.monitor, self._story.metric)
        self._console.print(report_watch.watched_table(watched))
        self._console.print(report_watch.retrain_table(report_watch.retrain_rows(records)))
        folder = str(self._airflow.layout.storage / "certificates")
        self._console.print(report_replay.replay_table(report_replay.replay_rows(records), folder))

    def _check_ledgers(self) -> None:
        root = self._airflow.layout.ledger
        problems = report.verify(root)
        for chain, found in problems.items():
            self._console.print(f"Ledger {chain}: {'; '.join(found) if found else 'verified'}", markup=False)
        if not problems:
            raise StoryError(f"The runs succeeded, but no ledger was written under {root}.")
        if broken := [chain for chain, found in problems.items() if found]:
            raise StoryError(f"Ledgers that do not verify: {', '.join(broken)}.")
