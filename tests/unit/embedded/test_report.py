"""The demo's tables are read from the ledgers."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.embedded import report, report_replay, report_watch

LIFECYCLE = "flight_delays_lifecycle"
MONITOR = "flight_delays_monitor"
RETRAIN = "flight_delays_retrain"


class Writer:
    """Writes records as the operators do."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.count = 0

    def __call__(
        self,
        kind: str,
        partition: str,
        outcome: str | None = None,
        /,
        *reasons: str,
        dag: str = LIFECYCLE,
        mode: str = "live",
        **body: Any,
    ) -> Record:
        """Append one record."""
        self.count += 1
        chain = "dataset/flights" if kind in ("snapshot", "validation") else "model/flight_delays"
        if outcome is not None:
            rules = tuple(RuleResult(rule=f"r{i}", outcome=Outcome(outcome), reason=r) for i, r in enumerate(reasons))
            body["verdict"] = Verdict(outcome=Outcome(outcome), rules=rules).to_dict()
        return Ledger(self.root, chain).append(
            kind=kind,
            key=str(self.count),
            outcome=outcome,
            mode=mode,
            body={"partition_key": partition, **body},
            run={"dag_id": dag, "run_id": f"{dag}-{partition}"},
        )


def interval(value: float) -> dict[str, float]:
    """Make a value with its interval."""
    return {"value": value, "low": value - 0.01, "high": value + 0.01}


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """A ledger of its own."""
    return Writer(tmp_path / "ledger")


@pytest.fixture
def story(write: Writer) -> Writer:
    """Three months: nothing to train on, a first champion, a refusal; then drift and a retraining."""
    for month, rows in (("2013-01", 26865), ("2013-02", 24936), ("2013-03", 28834)):
        write("snapshot", month, rows=rows)
        write("validation", month, "PASS", "All expectations hold.")
    write("training", "2013-01", "INCONCLUSIVE", "No accepted partition before 2013-01.")
    metrics = {"roc_auc": {"candidate": interval(0.71), "champion": None}}
    write("evaluation", "2013-02", metrics=metrics)
    write("gate", "2013-02", "PASS", "roc_auc is at least 0.6.", candidate_version="1")
    write("promotion", "2013-02", "PASS", version="1", alias="champion")
    metrics = {"roc_auc": {"candidate": interval(0.68), "champion": interval(0.70)}}
    write("evaluation", "2013-03", metrics=metrics)
    write("gate", "2013-03", "FAIL", "The candidate is worse.", "Calibration is off.", candidate_version="2")
    write("drift", "2013-02", "PASS", "No column drifted.", dag=MONITOR)
    write("drift", "2013-03", "FAIL", "dep_hour: KS 0.2", dag=MONITOR)
    write("promotion", "2013-03", "PASS", dag=RETRAIN, version="3", alias="champion")
    return write


MONTHS = ("2013-01", "2013-02", "2013-03")


def rows_of(write: Writer) -> list[report.PartitionRow]:
    """Read the lifecycle's rows."""
    return report.partition_rows(report.read_records(write.root), LIFECYCLE, MONTHS, "roc_auc")


def test_a_promotion_shows_metric_gate_and_version(story: Writer) -> None:
    """A row holds the candidate with its interval and the champion that it became."""
    row = rows_of(story)[1]

    assert row == report.PartitionRow(
        partition="2013-02",
        rows="24,936",
        validation="PASS",
        candidate="0.710 (0.700 to 0.720)",
        champion="–",
        gate="PASS",
        reason="roc_auc is at least 0.6.",
        version="1",
    )


def test_a_refusal_shows_its_reason_and_the_old_champion(story: Writer) -> None:
    """The first reason that decided, the number of further ones, and no new version."""
    row = rows_of(story)[2]

    assert (row.gate, row.reason, row.version) == ("FAIL", "The candidate is worse. (+1 more)", "1")
    assert row.champion == "0.700 (0.690 to 0.710)"


def test_a_partition_without_training_says_why(story: Writer) -> None:
    """The first month has nothing to train on, and is no failure."""
    row = rows_of(story)[0]

    assert (row.gate, row.reason, row.version) == ("–", "No accepted partition before 2013-01.", "none")


def test_a_retraining_of_the_same_partition_does_not_show_as_the_lifecycles(story: Writer) -> None:
    """Both write records about 2013-03; the Dag tells them apart."""
    assert rows_of(story)[2].version == "1"


def test_what_was_watched_is_told_by_day_and_kind(story: Writer) -> None:
    """Drift of features and of scores are two verdicts, performance is a third."""
    story("drift", "2013-03", "PASS", "No score moved.", dag=MONITOR, kind="prediction")
    story("performance", "2013-03", "FAIL", "roc_auc is below 0.6.", dag=MONITOR)

    assert report_watch.watched_rows(report.read_records(story.root), MONITOR) == [
        report_watch.WatchedRow("2013-02", "feature drift", "no drift", "No column drifted."),
        report_watch.WatchedRow("2013-03", "feature drift", "drift", "dep_hour: KS 0.2"),
        report_watch.WatchedRow("2013-03", "prediction drift", "no drift", "No score moved."),
        report_watch.WatchedRow("2013-03", "performance", "breach", "roc_auc is below 0.6."),
    ]


def test_a_decision_is_followed_to_what_came_of_it(story: Writer) -> None:
    """One retraining was avoided, and says why; the other was promoted."""
    story("retrain", "2013-02", "FAIL", "1 of 2 windows FAIL.", dag=RETRAIN)
    story("retrain", "2013-03", "PASS", "2 of 3 windows FAIL.", dag=RETRAIN)

    assert report_watch.retrain_rows(report.read_records(story.root)) == [
        report_watch.RetrainRow("2013-02", "avoided", "1 of 2 windows FAIL."),
        report_watch.RetrainRow("2013-03", "retrained", "2 of 3 windows FAIL.", "version 3 promoted to champion"),
    ]


def test_a_refused_retraining_says_why(write: Writer) -> None:
    """The gate's reason, when it did not get to promotion."""
    write("retrain", "2013-03", "PASS", "Called for.", dag=RETRAIN)
    write("gate", "2013-03", "INCONCLUSIVE", "Too few rows.", dag=RETRAIN, candidate_version="4")

    (row,) = report_watch.retrain_rows(report.read_records(write.root))

    assert row.result == "version 4 gated INCONCLUSIVE: Too few rows."


def test_certificates_are_told(write: Writer) -> None:
    """Who trained it, level and outcome, what came out, and what is not as recorded; the rest is in the certificate."""
    changed = [{"cause": "code changed", "detail": "code differs from the record in training"}]
    write("certificate", "2013-03", "PASS", "The same model (L0).", version="2", level="L0", differences=changed)
    write("certificate", "2013-02", "FAIL", "Another model.", version=None, level="none", differences=[])
    rows = report_replay.replay_rows(report.read_records(write.root))

    assert rows == [
        report_replay.ReplayRow("2013-02", "–", "–", "FAIL", "none", "Another model.", "nothing"),
        report_replay.ReplayRow(
            "2013-03", "2", "–", "PASS", "L0", "The same model.", "code differs from the record in training"
        ),
    ]
    console = Console(width=160, file=None)
    with console.capture() as shown:
        console.print(report_replay.replay_table(rows, "/demo/certificates"))
    assert "/demo/certificates" in shown.get()


def test_audits_do_not_show(story: Writer) -> None:
    """The story is what was lived, not its replay."""
    story("gate", "2013-03", "PASS", "Replayed.", mode="audit")

    assert rows_of(story)[2].gate == "FAIL"


def test_brackets_in_a_reason_are_shown(write: Writer) -> None:
    """Rich would take them for markup and drop them."""
    write("gate", "2013-01", "FAIL", "outside [0.6, 1]", candidate_version="1")
    console = Console(width=160, record=True, file=None, quiet=False)
    with console.capture() as shown:
        console.print(report.partition_table(rows_of(write), "roc_auc"))

    assert "outside [0.6, 1]" in shown.get()


def test_a_long_reason_is_cut(write: Writer) -> None:
    """A table stays a table."""
    write("gate", "2013-01", "FAIL", "x" * 500, candidate_version="1")

    reason = rows_of(write)[0].reason
    assert len(reason) <= report.MAX_REASON
    assert reason.endswith(" …")


def test_an_edited_record_does_not_verify(story: Writer) -> None:
    """Verification names the chain and the file."""
    file = story.root / "model" / "flight_delays" / "00000003.json"
    file.write_text(file.read_text().replace("at least", "at most"))

    problems = report.verify(story.root)

    assert problems["dataset/flights"] == []
    assert "00000003.json" in problems["model/flight_delays"][0]


def test_no_ledger_is_no_record(tmp_path: Path) -> None:
    """Before the first run there is nothing to show."""
    assert report.read_records(tmp_path / "ledger") == []
    assert report.verify(tmp_path / "ledger") == {}


def test_a_pass_is_told_by_the_comparison_with_the_champion() -> None:
    """Not by a slice, a disturbed copy of the rows or another metric; without a champion by the absolute bound."""

    def rule(name: str, **numbers: Any) -> RuleResult:
        return RuleResult(rule=name, outcome=Outcome.PASS, reason=name, numbers=numbers)

    rules = [
        rule("brier", metric="brier", champion=0.2),
        rule("minimum", metric="roc_auc", limit=0.6),
        rule("compared", metric="roc_auc", champion=0.7),
        rule("slice", metric="roc_auc", champion=0.7, slice="origin"),
        rule("stress", metric="roc_auc", variant="noise"),
    ]

    assert report._telling(Verdict.from_rules(rules), "roc_auc") == "compared"
    assert report._telling(Verdict.from_rules([rules[1], *rules[3:]]), "roc_auc") == "minimum"
    assert report._telling(Verdict.from_rules(rules), "") == "brier"


def test_a_drift_is_told_with_its_cause(write: Writer) -> None:
    """How the features changed, since when, and that nothing changed upstream: the season turns."""
    features = [
        {"feature": name, "how": [f"{name} rose"], "kinds": [], "slices": [], "since": "2013-05-14", "clean": None}
        for name in ("temperature", "dew_point", "wind", "dest")
    ]
    brief = {"features": features, "upstream": []}
    write("drift", "2013-05-15", "FAIL", "temperature: KS 0.8", dag=MONITOR, report=brief)
    (row,) = report_watch.watched_rows(report.read_records(write.root), MONITOR)

    assert row.cause.splitlines() == [
        "temperature: temperature rose (since 2013-05-14 or earlier)",
        "dew_point: dew_point rose (since 2013-05-14 or earlier)",
        "wind: wind rose (since 2013-05-14 or earlier)",
        "and 1 more",
        "upstream: nothing that the records know changed just then",
    ]


def test_a_retraining_is_told_with_what_its_gate_said(write: Writer) -> None:
    """The gate decides about the retrained model as about every other."""
    write("retrain", "2013-05-15", "PASS", "Two of two windows.", dag=RETRAIN)
    write("gate", "2013-05-15", "PASS", "First.", "Second.", dag=RETRAIN, candidate_version="4")
    write("promotion", "2013-05-15", "PASS", "It passed.", dag=RETRAIN, version="4", alias="champion")
    (row,) = report_watch.retrain_rows(report.read_records(write.root))

    assert row.result == "version 4 promoted to champion: the gate says PASS, all 2 rules hold"
