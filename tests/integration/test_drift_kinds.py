"""Drift verdicts through the operator: kinds, windows, references, slices, dependence, mutes."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.hooks.storage import Storage
from tests.integration.test_drift_bad_input import accepted
from tests.support.lab import DATASET, Lab
from tests.support.prediction_logs import log_labels, log_scores
from tests.support.synthetic import rows_of

BASE = "schema: 1\nname: events\nmin_rows: 100\nthresholds: {ks: 0.3, cramers_v: 0.3, missing: 0.3}\n"


def judged(lab: Lab, policy: str = "", min_rows: int = 100, **arguments: Any) -> Record:
    """Write a policy, judge, and return the record."""
    (lab.root / "drift.yaml").write_text(BASE.replace("100", str(min_rows)) + policy)
    result = lab.run("drift", **{"partition_key": "2020-04", **arguments})
    return next(record for record in lab.records("drift") if record.hash == result["record"])


def reported(lab: Lab, record: Record) -> tuple[dict[str, Any], str]:
    """Read the report of a verdict, and its page."""
    folder = Path(record.body["report"]["uri"].removeprefix("file://"))
    return json.loads((folder / "report.json").read_text()), (folder / "index.html").read_text()


def rule(record: Record, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(r for r in record.body["verdict"]["rules"] if r["rule"] == name)
    return found


def logged(lab: Lab, key: str, scores: Any, **more: Any) -> Record:
    """Log scores of the champion."""
    manifest_hash = lab.facts["train"]["manifest_hash"]
    return log_scores(
        Storage(), lab.model, key, list(scores), dataset=DATASET, manifest_hash=manifest_hash, part_rows=500, **more
    )


def own_scores(lab: Lab) -> Any:
    """Return the champion's scores on its test rows."""
    from airflow_provider_mlops.hooks.scores_store import read_score_frame

    (evaluation, *_) = lab.records("evaluation")
    return read_score_frame(Storage(), lab.model, evaluation.body["scores_id"])[0]["candidate"].to_numpy()


def test_feature_drift_says_its_kind_and_reference(make_lab: Any) -> None:
    """The record holds kind, window and reference; so does the event."""
    lab = make_lab("drifted")
    record = judged(lab)

    assert record.outcome == "FAIL"
    assert (record.body["kind"], record.body["partition_keys"]) == ("feature", ["2020-04"])
    assert record.body["reference"]["of"] == "training"
    assert record.body["champion_version"] == "1"


def test_the_event_of_a_drift_says_verdict_window_and_cause(make_lab: Any) -> None:
    """Who is started by it needs no other source: the record by its hash, the partitions, what moved and since when."""
    lab = make_lab("drifted")
    record = judged(lab, window=2)
    ((asset, extra),) = lab.events

    assert asset == f"{lab.model}-drift"
    assert extra["record_hash"] == record.hash == lab.records("drift")[-1].hash
    assert extra["window"] == record.body["partition_keys"] == ["2020-03", "2020-04"]
    assert (extra["model_name"], extra["partition_key"], extra["kind"]) == (lab.model, "2020-04", "feature")
    assert (extra["mode"], extra["champion_version"]) == ("live", "1")
    assert extra["reasons"] == [rule(record, "signal")["reason"]]
    assert [line for line in extra["cause"] if line.startswith("signal: the median moved") and "since 2020-04" in line]
    assert [line for line in extra["cause"] if line.startswith("upstream: ")]


def test_recent_change_compares_with_the_partitions_before(make_lab: Any) -> None:
    """A rolling reference is a monitor of its own: its kind stands in the record, its rows are the newest before."""
    lab = make_lab("drifted")
    record = judged(lab, "reference: {of: rolling, partitions: 1}\n", kind="recent_change")

    assert record.outcome == "FAIL"
    assert (record.body["kind"], record.body["reference"]["of"]) == ("recent_change", "rolling")
    assert record.body["reference_snapshot_ids"] == [lab.facts["snapshots"]["2020-03"]]


def test_a_rolling_reference_is_never_the_bound_one(make_lab: Any) -> None:
    """Feature drift with a rolling reference is refused, not quietly another monitor."""
    lab = make_lab("drifted")
    with pytest.raises(AirflowFailException, match="rolling reference is for kind='recent_change' only"):
        judged(lab, "reference: rolling\n")


def test_the_test_snapshot_can_be_the_reference(make_lab: Any) -> None:
    """What the champion was tested on, from the time on that was held out."""
    lab = make_lab("drifted")
    record = judged(lab, "reference: test\n")

    assert record.outcome == "FAIL"
    assert record.body["reference"]["of"] == "test"
    assert record.body["reference_snapshot_ids"] == [lab.facts["snapshots"]["2020-02"]]


def test_a_window_is_judged_as_one(make_lab: Any) -> None:
    """Two months together; a third one that is missing is named and marked."""
    lab = make_lab("drifted")
    both = judged(lab, window=2)
    more = judged(lab, window=5)

    assert both.body["partition_keys"] == ["2020-03", "2020-04"]
    assert rule(both, "signal")["numbers"]["n_current"] == 1_600
    assert more.body["missing_partitions"] == ["2019-12"]
    assert "window_incomplete" in more.body["verdict"]["marks"]


def test_last_years_month_that_nobody_trained_on_is_no_reference(make_lab: Any) -> None:
    """INCONCLUSIVE, never a silent comparison with another season."""
    record = judged(make_lab("drifted"), "reference: {match: month_last_year}\n")

    assert record.outcome == "INCONCLUSIVE"
    assert "season" in record.body["verdict"]["rules"][0]["reason"]


def test_the_same_month_of_last_year_is_the_reference(make_lab: Any) -> None:
    """Of two months of training only the one of a year before counts: a summer is compared with the summer before."""
    lab = make_lab("replaced")
    accepted(lab, "2021-02", rows_of("2020-02").assign(row_id=lambda frame: "2021" + frame["row_id"]))
    whole = judged(lab, partition_key="2021-02")
    record = judged(lab, "reference: {match: month_last_year}\n", partition_key="2021-02")

    assert rule(whole, "signal")["numbers"]["n_reference"] > 800
    assert (rule(record, "signal")["numbers"]["n_reference"], record.outcome) == (800, "PASS")
    reference = record.body["reference"]
    assert (reference["since"][:10], reference["until"][:10]) == ("2020-02-01", "2020-03-01")


def test_days_of_the_same_weekday_are_the_reference(make_lab: Any) -> None:
    """A Sunday is compared with the Sundays of the training rows, and with no other day."""
    lab = make_lab("promoted")
    trained = rows_of("2020-01")
    sundays = int((trained["time"].dt.dayofweek == 6).sum())
    accepted(lab, "2020-04-05", trained.iloc[:400])
    record = judged(lab, "reference: {match: weekday}\n", partition_key="2020-04-05")

    assert record.body["reference"]["weekdays"] == [6]
    assert rule(record, "signal")["numbers"]["n_reference"] == sundays
    assert record.outcome == "PASS"


def test_weekdays_need_days(make_lab: Any) -> None:
    """A month has every weekday."""
    with pytest.raises(AirflowFailException, match="needs partitions of a day"):
        judged(make_lab("drifted"), "reference: {match: weekday}\n")


def test_prediction_and_confidence_drift_are_of_scores(make_lab: Any) -> None:
    """The same scores pass; scores that moved fail, and scores that became timid fail as confidence too."""
    lab = make_lab("promoted")
    scores = own_scores(lab)
    logged(lab, "2020-04", np.resize(scores, 700))
    logged(lab, "2020-05", np.resize(0.5 + (scores - 0.5) * 0.2, 700))
    same = judged(lab, kind="prediction")
    moved = judged(lab, kind="prediction", partition_key="2020-05")
    timid = judged(lab, kind="confidence", partition_key="2020-05")

    assert [record.outcome for record in (same, moved, timid)] == ["PASS", "FAIL", "FAIL"]
    assert rule(same, "score")["numbers"]["n_current"] == 700
    assert (timid.body["kind"], timid.body["reference"]["of"]) == ("confidence", "test")
    assert timid.body["reference"]["scores_id"].startswith("sha256:")
    assert rule(timid, "confidence")["outcome"] == "FAIL"
    report, page = reported(lab, moved)
    (feature,) = report["features"]
    assert (feature["feature"], feature["since"], feature["clean"]) == ("score", "2020-05", "2020-04")
    assert [change["kind"] for change in feature["changes"]] == ["spread"]  # no unit: half of 0.5 is a timid score
    assert "<img" in page.split("<h2>score</h2>")[1]


def test_label_shift_needs_matured_labels(make_lab: Any) -> None:
    """Before the labels are due there is nothing to say; then the classes are compared, however they are stored."""
    lab = make_lab("promoted")
    log = logged(lab, "2020-04", np.full(600, 0.5))
    early = judged(lab, kind="label")
    log_labels(Storage(), lab.model, log, [1.0] * 570 + [0.0] * 30)
    late = judged(lab, kind="label")

    assert early.outcome == "INCONCLUSIVE"
    assert "matured" in early.body["verdict"]["rules"][0]["reason"]
    assert late.outcome == "FAIL"
    assert rule(late, "label")["numbers"]["categories"] == 2
    report, page = reported(lab, late)
    assert "shares" in [change["kind"] for change in report["features"][0]["changes"]]
    assert "<img" in page.split("<h2>label</h2>")[1]


def test_skew_compares_served_features_with_the_training_data_of_the_same_time(make_lab: Any) -> None:
    """A feature in other units while serving is skew, although no month drifted."""
    lab = make_lab("promoted")
    frame = rows_of("2020-03")
    served = {"signal": (frame["signal"] * 1.8 + 32).tolist(), "noise": frame["noise"].tolist()}
    logged(lab, "2020-03", np.full(len(frame), 0.5), features=served)
    record = judged(lab, kind="skew", partition_key="2020-03")

    assert record.outcome == "FAIL"
    assert (rule(record, "signal")["outcome"], rule(record, "noise")["outcome"]) == ("FAIL", "PASS")
    assert record.body["reference"]["of"] == "same_partitions"
    assert record.body["reference_snapshot_ids"] == [lab.facts["snapshots"]["2020-03"]]
    report, _ = reported(lab, record)
    assert [change["kind"] for change in report["features"][0]["changes"]] == ["unit_change"]


def test_slices_are_judged_on_their_own(make_lab: Any) -> None:
    """Each group by Holm; one with too few rows is listed as not assessed and decides nothing."""
    lab = make_lab("drifted")
    record = judged(lab, "slices: [group]\n")
    small = judged(lab, "slices: [group]\n", min_rows=500)

    assert rule(record, "group=a/signal")["outcome"] == "FAIL"
    assert rule(record, "group=a/signal")["numbers"]["correction"] == "holm"
    assert rule(record, "group=b/noise")["outcome"] == "PASS"
    assert "group=a" in rule(small, "slices")["reason"]
    assert "slices_not_assessed" in small.body["verdict"]["marks"]


@pytest.mark.parametrize("blocks", ["{kind: days, days: 1}", "{kind: blocks, rows: 40}"])
def test_rows_that_hang_together_are_permuted_in_blocks(make_lab: Any, blocks: str) -> None:
    """A shift of three sigma is found by blocks too; the noise, which did not move, is not."""
    record = judged(make_lab("drifted"), f"dependence: {blocks}\n")

    assert record.outcome == "FAIL"
    assert rule(record, "signal")["numbers"]["method"] == "block_permutation"
    assert rule(record, "noise")["outcome"] != "FAIL"


def test_few_clusters_prove_nothing(make_lab: Any) -> None:
    """Two groups a side can be split in six ways: even three sigma are no proof, and no "no drift"."""
    record = judged(make_lab("drifted"), "dependence: {kind: clusters, column: group}\n")

    assert record.outcome == "INCONCLUSIVE"
    assert "not proven" in rule(record, "signal")["reason"]


def test_too_few_clean_windows_are_inconclusive(make_lab: Any) -> None:
    """Three months cannot say what is usual at five percent."""
    record = judged(make_lab("drifted"), "calibration: {partitions: 24}\n")

    assert record.outcome == "INCONCLUSIVE"
    assert record.body["calibration_windows"] == 3
    assert rule(record, "signal")["numbers"]["method"] == "calibrated"


def test_muted_drift_is_listed_and_decides_nothing(make_lab: Any) -> None:
    """The result stays FAIL, with who accepted it and until when; the whole verdict passes, and no event is emitted."""
    from airflow_provider_mlops.core.mute import mute_body
    from airflow_provider_mlops.core.run import RunFacts
    from airflow_provider_mlops.hooks.mutes import add_mute

    lab = make_lab("drifted")
    now = datetime.now(UTC)
    until = (now + timedelta(days=5)).date().isoformat()
    body = mute_body(until=until, why="the sensor was replaced", who="ada", now=now, feature="signal")
    facts = RunFacts(
        dag_id="d",
        run_id="r",
        task_id="t",
        try_number=1,
        map_index=-1,
        partition_key=None,
        run_type="manual",
        mode=Mode.LIVE,
    )
    mute = add_mute(model_ledger(lab.model), body, facts)
    record = judged(lab)

    assert record.outcome == "PASS"
    assert rule(record, "signal")["outcome"] == "FAIL"
    assert "muted until" in rule(record, "signal")["reason"]
    assert "muted" in record.body["verdict"]["marks"]
    assert record.body["mutes"] == [mute.hash]
    assert lab.events == []


def test_importance_weighs_what_drifted(make_lab: Any) -> None:
    """The policy's weights: a feature without influence may drift."""
    lab = make_lab("drifted")
    light = judged(lab, "severity: {max: 0.2, weights: {signal: 1, noise: 9}}\n")
    heavy = judged(lab, "severity: {max: 0.2, weights: {signal: 9, noise: 1}}\n")
    blind = judged(lab, "severity: {max: 0.6}\n")

    assert (light.outcome, heavy.outcome) == ("PASS", "FAIL")
    assert rule(light, "severity")["numbers"]["severity"] == pytest.approx(0.1)
    assert "drift_within_severity" in light.body["verdict"]["marks"]
    assert blind.outcome == "PASS"
    assert "severity_unweighted" in blind.body["verdict"]["marks"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"kind": "concept"}, "kind='concept' must be one of: feature"),
        ({"window": 0}, "window=0 must be a whole number"),
        ({"reference_dataset": "other"}, "reference_dataset is for kind='skew' only"),
        ({"kind": "prediction"}, "has no prediction log"),
    ],
)
def test_impossible_questions_are_refused(make_lab: Any, arguments: dict[str, Any], why: str) -> None:
    """Each error names the argument and the way out."""
    with pytest.raises(AirflowFailException, match=why):
        judged(make_lab("drifted"), **arguments)
