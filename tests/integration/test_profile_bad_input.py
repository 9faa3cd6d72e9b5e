"""Bad data through the operators, from rows and from profiles: a clear verdict each, and never a silent "no drift"."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from tests.integration.test_drift_bad_input import accepted
from tests.support.lab import Lab, Stages, copy_lab
from tests.support.synthetic import rows_of

Change = Callable[[pd.DataFrame], pd.DataFrame]
FEATURES = ["signal", "noise", "group", "price", "flag", "seen"]
KEY = "2020-03"
POLICY = (
    "schema: 1\nname: events\nmin_rows: 100\nthresholds: {ks: 0.3, cramers_v: 0.3, missing: 0.3, wasserstein: 0.9}\n"
)
ODD = [
    "\N{SNOWMAN}" * 3_000,
    "a\nb\tc",
    "\N{RIGHT-TO-LEFT OVERRIDE}evil",
    "' OR 1=1 --",
    "",
    "x" * 100_000,
    "(new)",
    "(other)",
]


def typed(key: str, rows: int = 800) -> pd.DataFrame:
    """Rows of a month with decimals, truth values and times beside the usual columns."""
    frame, random = rows_of(key, rows), np.random.default_rng(len(key))
    return frame.assign(
        price=[Decimal(int(value)) / 4 for value in random.integers(0, 40, rows)],
        flag=random.random(rows) < 0.4,
        seen=pd.Timestamp("2020-01-01", tz="UTC")
        + pd.to_timedelta(random.integers(0, 5, rows), unit="D").as_unit("us"),
    )


def train(features: pd.DataFrame, labels: pd.Series, *, seed: int) -> Any:
    """Fit on the numbers alone."""
    only = ColumnTransformer([("numbers", "passthrough", ["signal", "noise"])])
    return make_pipeline(only, LogisticRegression(random_state=seed)).fit(features, labels)


@pytest.fixture(scope="module")
def trained(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A champion that was given columns of every kind."""
    lab = stages.copy("empty", tmp_path_factory.mktemp("typed") / "lab")
    with pytest.MonkeyPatch.context() as monkeypatch:
        lab.enter(monkeypatch)
        for key in ("2020-01", "2020-02"):
            accepted(lab, key, typed(key))
        lab.promote("2020-02", train_function=f"{__name__}:train", features=FEATURES)
    return lab


@pytest.fixture
def lab(trained: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A copy of it."""
    lab = copy_lab(trained, tmp_path / "lab")
    lab.enter(monkeypatch)
    return lab


def verdicts(lab: Lab, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Judge rows, and a profile of them; each with its rules by name."""
    accepted(lab, KEY, frame)
    found = []
    for data in ("rows", "profile"):
        (lab.root / "drift.yaml").write_text(f"{POLICY}data: {data}\n")
        if data == "profile":
            assert lab.run("profile", partition_key=KEY)["profiles"][0]["rows"] == len(frame)
        lab.run("drift", partition_key=KEY, run_type="backfill")  # an audit draws no figures
        verdict = lab.records("drift")[-1].body["verdict"]
        found.append({**verdict, "by_rule": {rule["rule"]: rule for rule in verdict["rules"]}})
    return found


def column(name: str, values: Any) -> Change:
    """Put other values in the place of a column."""
    return lambda frame: frame.assign(**{name: values(frame) if callable(values) else values})


def many(frame: pd.DataFrame) -> pd.DataFrame:
    """A hundred thousand categories, each once, and some more of the usual ones."""
    large = pd.concat([frame] * 130, ignore_index=True).iloc[:101_000]
    return large.assign(group=[f"c{number}" for number in range(100_000)] + ["a"] * 1_000)


@pytest.mark.parametrize(
    ("change", "rule", "outcome"),
    [
        pytest.param(lambda frame: frame, "signal", "PASS", id="nothing changed"),
        pytest.param(column("signal", np.nan), "signal", "FAIL", id="all null"),
        pytest.param(column("signal", None), "signal", "FAIL", id="null without a type"),
        pytest.param(column("group", None), "group", "FAIL", id="categories all null"),
        pytest.param(column("signal", 0.5), "signal", "FAIL", id="constant"),
        pytest.param(
            column("signal", lambda frame: frame["signal"].where(frame.index % 7 > 0, np.inf)),
            "signal:infinite",
            "FAIL",
            id="infinite",
        ),
        pytest.param(
            column("signal", lambda frame: np.where(frame.index % 2, np.inf, -np.inf)),
            "signal",
            "FAIL",
            id="all infinite",
        ),
        pytest.param(column("signal", 1.7e308), "signal", "FAIL", id="the largest number"),
        pytest.param(column("signal", "high"), "signal", "FAIL", id="texts for numbers"),
        pytest.param(column("group", 1.5), "group", "FAIL", id="numbers for texts"),
        pytest.param(lambda frame: frame.rename(columns={"signal": "Signal_v2"}), "signal", "FAIL", id="renamed"),
        pytest.param(lambda frame: frame.drop(columns="group"), "group", "FAIL", id="gone"),
        pytest.param(lambda frame: frame.assign(extra=1.0), "signal", "PASS", id="new"),
        pytest.param(lambda frame: frame.iloc[:1], "signal", "INCONCLUSIVE", id="one row"),
        pytest.param(many, "group", "FAIL", id="100,000 categories"),
        pytest.param(
            column("group", lambda frame: [ODD[at % len(ODD)] for at in frame.index]), "group", "FAIL", id="odd names"
        ),
        pytest.param(column("price", Decimal("12345678901234567890.5")), "price", "FAIL", id="large decimals"),
        pytest.param(
            column("price", lambda frame: frame["price"].astype(float) + 40.0), "price", "FAIL", id="other numbers"
        ),
        pytest.param(column("flag", True), "flag", "FAIL", id="always true"),
        pytest.param(
            column("seen", lambda frame: frame["seen"] + pd.Timedelta(days=99)), "seen", "FAIL", id="later times"
        ),
        pytest.param(
            column("seen", lambda frame: frame["seen"].dt.tz_localize(None)), "seen", "FAIL", id="times without zone"
        ),
    ],
)
def test_each_has_a_clear_verdict(lab: Lab, change: Change, rule: str, outcome: str) -> None:
    """The rule of the column says so, from rows as from profiles; nothing is decided otherwise by either."""
    rows, profile = verdicts(lab, change(typed(KEY)))

    assert rows["by_rule"][rule]["outcome"] == profile["by_rule"][rule]["outcome"] == outcome
    assert rows["outcome"] == profile["outcome"] == outcome
    assert all(len(item["reason"]) <= 500 and item["reason"].isprintable() for item in profile["rules"])


def test_a_verdict_on_profiles_says_what_it_cannot_see(lab: Lab) -> None:
    """A profile counts a column of another type as one that is not there; the reason names both."""
    _, profile = verdicts(lab, typed(KEY).assign(signal="high"))

    assert "missing from the current data, or of another type" in profile["by_rule"]["signal"]["reason"]
