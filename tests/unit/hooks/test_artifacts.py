"""Tests of the folders that people open: every figure with its table, a page that explains them, nothing hostile."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.hooks.artifacts import write_evaluation_artifacts, write_gate_artifacts
from airflow_provider_mlops.statistics.gate import judge, measure_all
from airflow_provider_mlops.statistics.score_table import ScoreTable

HOSTILE = "<script>alert('x')</script>"
BINARY = {
    "roc.png": "roc.csv",
    "precision_recall.png": "precision_recall.csv",
    "calibration.png": "calibration.csv",
    "slices.png": "slices.csv",
    "importance.png": "importance.csv",
}


def table(n: int = 2_000, **more: Any) -> ScoreTable:
    """Make the scores of two models, with a slice of a hostile name."""
    random = np.random.default_rng(1)
    labels = (random.random(n) < 0.3).astype(float)
    signal = random.normal(size=n) + labels
    ours, theirs = (1 / (1 + np.exp(-signal - random.normal(0, noise, n))) for noise in (0.3, 0.6))
    shop = np.array(["AA", "007", HOSTILE, None], dtype=object)[random.integers(0, 4, n)]
    return ScoreTable(labels, ours, theirs, {"shop": shop}, **more)


def body(rows: ScoreTable) -> dict[str, Any]:
    """Make a record's body as today's operator writes it."""
    importance = {
        "method": "permutation",
        "metric": "log_loss",
        "rows": 500,
        "repeats": 5,
        "seed": 1,
        "candidate": {"a": [0.1, 0.01], "=b": [0.0, 0.01]},
        "champion": {"a": [0.2, 0.01]},
        "change": {"a": -0.1},
    }
    return {
        "partition_key": "2013-02",
        "evaluation_id": "sha256:" + "ab" * 32,
        "candidate": {"version": "4", "model_digest": "sha256:1", "manifest_hash": "sha256:2"},
        "champion": {"version": "3", "model_digest": "sha256:3", "manifest_hash": "sha256:4"},
        "rows": rows.rows,
        "positives": rows.positives,
        "metrics": measure_all(rows, ["roc_auc", "brier"], 0.9, evaluation_id="e"),
        "thresholds": {"candidate": 0.4},
        "importance": importance,
    }


def page(folder: Path, name: str = "index.html") -> str:
    """Read a page without the bytes of its images."""
    return re.sub(r"base64,[^\"]+", "base64,", (folder / name).read_text(encoding="utf-8"))


def read(path: Path) -> list[dict[str, str]]:
    """Read a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the artifacts of a binary evaluation."""
    path = tmp_path_factory.mktemp("evaluation") / "made"
    assert write_evaluation_artifacts(path, body(table()), table(), model_name="flight_delays") == {}
    return path


def test_every_figure_has_its_table_and_stands_in_the_page(folder: Path) -> None:
    """The page holds the images themselves, so that it can be sent to anyone."""
    assert {path.name for path in folder.iterdir()} == {*BINARY, *BINARY.values(), "metrics.csv", "index.html"}
    assert page(folder).count('<img alt="') == len(BINARY)
    assert "Evaluation of flight_delays: candidate 4 against champion 3" in page(folder)


def test_the_page_loads_nothing_and_runs_nothing(folder: Path) -> None:
    """A slice that is called like a script is a text."""
    text = page(folder)

    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert re.findall(r'(?:src|href)="(?!data:)', text) == []


def test_the_tables_hold_the_record_s_own_numbers(folder: Path) -> None:
    """Metrics as recorded, to the last digit."""
    recorded = body(table())["metrics"]["roc_auc"]["difference"]
    (found,) = [
        row for row in read(folder / "metrics.csv") if (row["metric"], row["model"]) == ("roc_auc", "difference")
    ]

    assert (float(found["value"]), float(found["low"]), float(found["high"])) == tuple(
        recorded[name] for name in ("value", "low", "high")
    )
    assert {row["value"] for row in read(folder / "slices.csv")} == {"AA", "007", HOSTILE, "(none)"}
    assert [row["feature"] for row in read(folder / "importance.csv")] == ["a", "'=b"]


def test_a_text_that_looks_like_a_number_stays_a_text(folder: Path) -> None:
    """Slice 007 is not seven."""
    assert ">007</td>" in page(folder)


def test_the_same_evaluation_gives_the_same_folder(folder: Path, tmp_path: Path) -> None:
    """Byte by byte: figures carry no time."""
    write_evaluation_artifacts(tmp_path, body(table()), table(), model_name="flight_delays")

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }


def test_an_old_record_of_a_first_model_works(tmp_path: Path) -> None:
    """Records of before have neither task nor thresholds nor importance."""
    rows = ScoreTable(table().labels, table().candidate)
    old = {"candidate": {"version": None}, "champion": None, "metrics": measure_all(rows, ["roc_auc"], 0.9)}

    assert write_evaluation_artifacts(tmp_path, old, rows) == {}
    assert "none: nothing to compare with" in page(tmp_path)
    assert not (tmp_path / "importance.png").exists()


@pytest.mark.parametrize(
    ("labels", "scores", "reason"),
    [
        (np.ones(50), np.linspace(0, 1, 50), "There are 0 negative rows among 50"),
        (np.tile([0.0, 1.0], 25), np.full(50, np.nan), "50 of 50 scores are NaN or infinite."),
        (np.zeros(0), np.zeros(0), "There are no rows."),
    ],
    ids=["one class", "nan", "empty"],
)
def test_what_cannot_be_drawn_is_left_out_with_its_reason(
    tmp_path: Path, labels: Any, scores: Any, reason: str
) -> None:
    """The page says why; no figure pretends."""
    left_out = write_evaluation_artifacts(tmp_path, {"metrics": {}}, ScoreTable(labels, scores))

    assert set(left_out) == {"roc.png", "precision_recall.png", "calibration.png"}
    assert all(text.startswith(reason) for text in left_out.values())
    assert not list(tmp_path.glob("*.png"))
    assert page(tmp_path).count(f"Left out: {reason}") == 3


def test_columns_that_are_kept_for_other_ends_are_no_slices(tmp_path: Path) -> None:
    """The record says by which columns to slice."""
    rows = table()

    write_evaluation_artifacts(tmp_path, {"slices": []}, rows)

    assert not (tmp_path / "slices.png").exists()


def test_scores_that_are_no_probabilities_have_no_calibration(tmp_path: Path) -> None:
    """They can still be ranked."""
    rows = ScoreTable(table().labels, table().candidate * 10)

    assert list(write_evaluation_artifacts(tmp_path, {}, rows)) == ["calibration.png"]
    assert (tmp_path / "roc.png").exists()


def test_curves_of_many_rows_are_thin(tmp_path: Path) -> None:
    """At most a thousand points of each model, however many rows."""
    write_evaluation_artifacts(tmp_path, {}, table(40_000))

    assert max(len(read(tmp_path / name)) for name in ("roc.csv", "precision_recall.csv")) <= 2_000


def test_a_regression_has_its_own_figures(tmp_path: Path) -> None:
    """Predicted against true, and the residuals."""
    random = np.random.default_rng(3)
    truth = random.normal(size=600)
    rows = ScoreTable(truth, truth + random.normal(size=600), task="regression")

    assert write_evaluation_artifacts(tmp_path, {"task": "regression"}, rows) == {}
    assert {path.name for path in tmp_path.glob("*.png")} == {"predicted.png", "residuals.png"}
    assert len(read(tmp_path / "residuals.csv")) == 10


def test_classes_have_their_own_figures(tmp_path: Path) -> None:
    """Confusion by the names of the classes, and the calibration of what is predicted."""
    random = np.random.default_rng(3)
    truth = random.integers(0, 3, 600)
    scores = random.dirichlet(np.ones(3), 600)
    scores[np.arange(600), truth] += 0.3
    scores /= scores.sum(axis=1, keepdims=True)
    rows = ScoreTable(truth, scores, task="multiclass")

    left_out = write_evaluation_artifacts(tmp_path, {"task": "multiclass", "classes": ["cat", "dog", HOSTILE]}, rows)

    assert left_out == {}
    assert {path.name for path in tmp_path.glob("*.png")} == {"confusion.png", "calibration.png"}
    confusion = read(tmp_path / "confusion.csv")
    assert sum(int(row["n"]) for row in confusion) == 600
    assert {row["true_class"] for row in confusion} == {"cat", "dog", HOSTILE}


@pytest.fixture(scope="module")
def verdict() -> Verdict:
    """Judge a policy of several kinds."""
    rules = [
        {"name": "rows", "kind": "min_rows", "rows": 10},
        {"name": "auc", "kind": "minimum", "metric": "roc_auc", "value": 0.99},
        {"name": "brier", "kind": "non_inferior", "metric": "brier", "margin": 0.05},
        {"name": "by_shop", "kind": "non_inferior", "metric": "roc_auc", "margin": 0.0001, "slice": "shop"},
    ]
    policy = Policy.from_mapping({"schema": 1, "name": "p", "rules": rules})
    return judge(policy, table(), evaluation_id="e", looks=1)


def test_a_verdict_reads_like_one(tmp_path: Path, verdict: Verdict) -> None:
    """Outcome first, then what broke and why, then the numbers."""
    facts = {
        "candidate_version": "4",
        "champion_version": "3",
        "policy": "p/policy.yaml",
        "policy_hash": "sha256:77",
        "looks": 2,
    }

    write_gate_artifacts(tmp_path, verdict, facts, model_name="flight_delays")

    text = page(tmp_path, "verdict.html")
    assert "<h1>FAIL: flight_delays, candidate 4</h1>" in text
    assert text.index("Broken (1)") < text.index("Held (") < text.index("All numbers")
    for rule in verdict.rules:
        assert rule.reason.replace("'", "&#x27;").replace("<", "&lt;").replace(">", "&gt;") in text
    assert {path.name for path in tmp_path.iterdir()} == {"rules.png", "rules.csv", "verdict.html", "verdict.json"}
    assert Verdict.from_dict(json.loads((tmp_path / "verdict.json").read_text(encoding="utf-8"))) == verdict


def test_the_rules_table_holds_bounds_in_the_unit_of_the_metric(tmp_path: Path, verdict: Verdict) -> None:
    """Also where the policy speaks of a margin."""
    write_gate_artifacts(tmp_path, verdict)
    limits = {row["rule"]: row["limit"] for row in read(tmp_path / "rules.csv")}

    assert (limits["rows"], limits["auc"], limits["brier"]) == ("", "0.99", "0.05")
    assert float(limits["by_shop[AA]"]) == -0.0001


def test_a_verdict_without_rules_is_no_pass(tmp_path: Path) -> None:
    """There is nothing to draw, and the page says what that means."""
    write_gate_artifacts(tmp_path, Verdict.from_rules([]))

    assert "INCONCLUSIVE" in page(tmp_path, "verdict.html")
    assert "That is not a pass." in page(tmp_path, "verdict.html")
    assert not (tmp_path / "rules.png").exists()


def test_marks_are_put_into_words(tmp_path: Path) -> None:
    """A reader need not know the flag; a reason of anyone's is a text."""
    fact = RuleResult(rule=HOSTILE, outcome=Outcome.PASS, reason=HOSTILE)
    write_gate_artifacts(tmp_path, Verdict.from_rules([fact], marks=["no_baseline", "worn"]))
    text = page(tmp_path, "verdict.html")

    assert "only absolute rules were judged" in text
    assert "Mark: worn." in text
    assert "<script" not in text


def test_the_module_itself_loads_no_heavy_library() -> None:
    """The gate's task imports it before it knows whether anything is to be drawn."""
    script = (
        "import sys, airflow_provider_mlops.hooks.artifacts\nprint({'numpy', 'matplotlib', 'pandas'} & {*sys.modules})"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "set()"
