"""Bad data through the drift operator: a clear verdict each, no crash, and never a silent "no drift"."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.hooks.ledger import dataset_ledger
from airflow_provider_mlops.hooks.storage import Storage
from tests.support.lab import DATASET, Lab
from tests.support.prediction_logs import log_labels, log_scores
from tests.support.synthetic import rows_of

Change = Callable[[pd.DataFrame], pd.DataFrame]


def accepted(lab: Lab, key: str, frame: pd.DataFrame) -> str:
    """Store rows as the accepted snapshot of a partition, as a suite that knows no rule would."""
    from airflow_provider_mlops.backends.parquet import write_snapshot
    from airflow_provider_mlops.hooks.snapshot_set import snapshot_path

    storage = Storage()
    with storage.staging() as folder:
        facts = {"dataset": DATASET, "partition_key": key}
        digest = str(write_snapshot([frame], folder, facts)["snapshot_id"])
        storage.publish(folder, snapshot_path(DATASET, digest))
    ledger: Ledger = dataset_ledger(DATASET)
    body = {"partition_key": key, "snapshot_id": digest, "rows": len(frame)}
    ledger.append(kind="snapshot", key=f"s{key}", body=body)
    passed = {**body, "accepted_snapshot_id": digest, "accepted_rows": len(frame)}
    ledger.append(kind="validation", key=f"v{key}", body=passed, outcome="PASS")
    return digest


def verdict(lab: Lab, change: Change, **arguments: Any) -> dict[str, Any]:
    """Judge April after a change, and return verdict and rules by name."""
    accepted(lab, "2020-04", change(rows_of("2020-04")))
    lab.run("drift", partition_key="2020-04", **arguments)
    found = lab.records("drift")[-1].body["verdict"]
    return {**found, "by_rule": {rule["rule"]: rule for rule in found["rules"]}}


def with_signal(values: Any) -> Change:
    return lambda frame: frame.assign(signal=values(frame) if callable(values) else values)


def infinite(frame: pd.DataFrame) -> pd.Series:
    return frame["signal"].where(frame.index != 3, np.inf)


@pytest.mark.parametrize(
    ("change", "outcome", "rule", "words"),
    [
        pytest.param(with_signal(np.nan), "FAIL", "signal", "null in every row of the current", id="all null"),
        pytest.param(with_signal(None), "FAIL", "signal", "null in every row of the current", id="null without a type"),
        pytest.param(with_signal(0.5), "FAIL", "signal", "now constant 0.5", id="constant"),
        pytest.param(with_signal(infinite), "FAIL", "signal:infinite", "1 infinite values, the reference 0", id="inf"),
        pytest.param(with_signal("high"), "FAIL", "signal", "was numeric and is now categorical", id="another type"),
        pytest.param(
            lambda frame: frame.rename(columns={"signal": "Signal_v2"}),
            "FAIL",
            "signal",
            "missing from the current data; looks renamed to Signal_v2",
            id="renamed",
        ),
        pytest.param(lambda frame: frame.drop(columns="signal"), "FAIL", "signal", "is missing", id="gone"),
        pytest.param(
            lambda frame: frame.assign(humidity=1.0), "PASS", "columns:new", "1 columns are new", id="a new column"
        ),
        pytest.param(lambda frame: frame.iloc[:1], "INCONCLUSIVE", "signal", "1 current values", id="one row"),
        pytest.param(lambda frame: frame.iloc[:99], "INCONCLUSIVE", "signal", "underpowered", id="few rows"),
        pytest.param(
            lambda frame: frame.assign(signal=frame["signal"].where(frame.index % 2 == 0)),
            "FAIL",
            "signal:nulls",
            "null in 50.0% of the rows",
            id="half null",
        ),
    ],
)
def test_bad_data_have_a_clear_verdict(make_lab: Any, change: Change, outcome: str, rule: str, words: str) -> None:
    """Each says what is wrong, in the rule of the column."""
    found = verdict(make_lab("promoted"), change)

    assert found["outcome"] == outcome
    assert words in found["by_rule"][rule]["reason"]


@pytest.mark.parametrize(
    "policy", ["dependence: {kind: blocks, rows: 40}", "calibration: {partitions: 20}", "slices: [group]"]
)
@pytest.mark.parametrize("bad", [np.nan, None, "high", np.inf])
def test_bad_data_are_seen_whatever_the_policy(make_lab: Any, policy: str, bad: Any) -> None:
    """Blocks, calibration and slices neither crash on a broken column nor lose it."""
    lab = make_lab("promoted")
    with (lab.root / "drift.yaml").open("a") as file:
        file.write(f"{policy}\n")
    found = verdict(lab, with_signal(bad))

    assert found["outcome"] == "FAIL"


@pytest.mark.parametrize("kind", ["prediction", "confidence", "label", "skew"])
@pytest.mark.parametrize("scores", [[], [None] * 700], ids=["no row", "all null"])
def test_a_log_without_scores_or_rows_is_never_no_drift(make_lab: Any, kind: str, scores: list[None]) -> None:
    """A log of no row, or of rows that could not be scored: nothing is claimed of them."""
    lab = make_lab("promoted")
    manifest_hash, features = lab.facts["train"]["manifest_hash"], {"signal": scores, "noise": scores}
    log = log_scores(
        Storage(), lab.model, "2020-03", scores, dataset=DATASET, manifest_hash=manifest_hash, features=features
    )
    if scores:
        log_labels(Storage(), lab.model, log, scores)
    found = lab.run("drift", partition_key="2020-03", kind=kind)["verdict"]

    assert found["outcome"] != "PASS"


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("dependence: {kind: clusters, column: nobody}", "no column 'nobody'"),
        ("dependence: {kind: days, column: group}", "is of type string and no time"),
        ("slices: [nothing]", "no column 'nothing'"),
    ],
)
def test_columns_that_a_policy_asks_for_must_be_there(make_lab: Any, policy: str, words: str) -> None:
    """The error names the column."""
    lab = make_lab("drifted")
    with (lab.root / "drift.yaml").open("a") as file:
        file.write(f"{policy}\n")
    with pytest.raises(AirflowFailException, match=words):
        lab.run("drift", partition_key="2020-04")


def test_a_hundred_thousand_categories_are_compared(make_lab: Any) -> None:
    """The statistics of many categories, most of them seen once: no alarm by chance, and a changed habit is found."""
    from collections import Counter

    from airflow_provider_mlops.core.drift_policy import DriftPolicy
    from airflow_provider_mlops.statistics.columns import Categories, ColumnPair
    from airflow_provider_mlops.statistics.drift import detect_drift

    random = np.random.default_rng(1)
    policy = DriftPolicy.from_mapping({"schema": 1, "name": "d"})

    def column(low: int, high: int) -> Categories:
        return Categories(Counter(map(str, random.integers(low, high, 200_000).tolist())), 0)

    def judge(now: Categories) -> Any:
        pairs: Iterator[ColumnPair] = iter([("id", column(0, 100_000), now)])
        return detect_drift(pairs, policy)

    assert judge(column(0, 100_000)).outcome.value != "FAIL"
    other = judge(column(50_000, 150_000))
    assert other.outcome.value == "FAIL"
    assert {result.rule for result in other.rules if result.outcome.value == "FAIL"} >= {"id:new", "id:vanished"}
