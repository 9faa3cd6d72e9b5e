"""A partition without rows: refused unless Dag and suite say that it may be, and clear to every step after it."""

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops import sources
from airflow_provider_mlops.backends.parquet import SnapshotReader
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.evidence import accepted_snapshots
from airflow_provider_mlops.core.retention import Rule, plan_pruning
from airflow_provider_mlops.hooks.rows import read_rows
from airflow_provider_mlops.hooks.snapshots import stored_snapshots
from airflow_provider_mlops.hooks.storage import Storage
from tests.conftest import MakeLab
from tests.support.lab import DATASET, SUITE, SYNTHETIC, Lab
from tests.support.synthetic import rows_of

CHAIN = f"dataset/{DATASET}"
EMPTY = f"{SYNTHETIC}:empty"


def allow(lab: Lab, name: str = "suite.yaml") -> None:
    """Let a suite accept partitions without rows."""
    file = lab.root / name
    file.write_text(f"allow_empty: true\n{file.read_text()}")


def take(lab: Lab, key: str, **more: Any) -> dict[str, Any]:
    """Take a partition without rows."""
    return lab.run("snapshot", **{"partition_key": key, "source": EMPTY, "allow_empty": True, **more})


def accept(lab: Lab, key: str, **more: Any) -> dict[str, Any]:
    """Take and validate a partition without rows."""
    taken = take(lab, key, **more)
    return lab.run("validate", partition_key=key, snapshot_id=taken["snapshot_id"])


def manifest_of(taken: dict[str, Any]) -> dict[str, Any]:
    """Read the manifest of a snapshot."""
    return dict(json.loads((Path(taken["uri"]) / "manifest.json").read_text()))


def test_no_rows_are_refused_unless_the_dag_allows_them(make_lab: MakeLab) -> None:
    """The error says what to write; nothing is stored."""
    lab = make_lab("empty")
    with pytest.raises(AirflowFailException, match=r"gave no rows for 2020-04\. Where .* allow_empty=True"):
        take(lab, "2020-04", allow_empty=False)
    assert lab.snapshot_folders() == []


def test_manifest_and_record_say_that_it_is_empty(make_lab: MakeLab) -> None:
    """Columns and types are those of the partition before, which the manifest names; it is proved as others are."""
    lab = make_lab("accepted")
    before = accepted_snapshots(lab.ledger(CHAIN).records())["2020-03"]
    taken = take(lab, "2020-04")
    manifest, record = manifest_of(taken), lab.records("snapshot", CHAIN)[-1]
    last = json.loads((lab.storage / f"snapshots/{DATASET}/{before.removeprefix('sha256:')}/manifest.json").read_text())

    assert (taken["rows"], manifest["rows"], manifest["empty"], record.body["empty"]) == (0, 0, True, True)
    assert manifest["columns_of"] == record.body["columns_of"] == before
    assert [(c["name"], c["type"]) for c in manifest["columns"]] == [(c["name"], c["type"]) for c in last["columns"]]
    assert [(item["name"], item["rows"]) for item in manifest["files"]] == [("part-00000.parquet", 0)]
    assert (manifest["time_range"], record.body["time_min"]) == (None, None)
    SnapshotReader(Path(taken["uri"]), taken["snapshot_id"]).verify()


def test_a_suite_that_does_not_allow_it_decides_nothing(make_lab: MakeLab) -> None:
    """Every expectation would hold for no row at all: that is INCONCLUSIVE, and not accepted."""
    lab = make_lab("accepted")
    with pytest.raises(AirflowFailException, match=r"INCONCLUSIVE \[empty\]: there are no rows, .* allow_empty: true"):
        accept(lab, "2020-04")
    assert "2020-04" not in accepted_snapshots(lab.ledger(CHAIN).records())


def test_columns_are_judged_all_the_same(make_lab: MakeLab) -> None:
    """By the suite and by the contract, also where no rows are allowed."""
    lab = make_lab("accepted")
    allow(lab)
    lab.accept("2020-04", "without_noise")
    taken = lab.run("snapshot", partition_key="2020-05", source=f"{SYNTHETIC}:nothing", allow_empty=True)
    more = "  - {type: expect_column_to_exist, kwargs: {column: noise}}\n"
    (lab.root / "suite.yaml").write_text((lab.root / "suite.yaml").read_text() + more)
    arguments = {"partition_key": "2020-05", "snapshot_id": taken["snapshot_id"]}
    with pytest.raises(AirflowFailException, match=r"FAIL \[empty\]: .*expect_column_to_exist"):
        lab.run("validate", **arguments)
    (lab.root / "suite.yaml").write_text(f"allow_empty: true\n{SUITE}")
    with pytest.raises(AirflowFailException, match=r"FAIL \[empty\]: contract: - removed: noise"):
        lab.run("validate", **arguments, contract="contract.yaml")
    assert lab.run("validate", **arguments)["verdict"]["marks"] == ["empty"]


def test_a_contract_with_categories_holds_for_no_row(make_lab: MakeLab) -> None:
    """No value is a new one: columns and types are judged, and nothing stays undecided."""
    lab = make_lab("accepted")
    allow(lab)
    taken = take(lab, "2020-04")
    found = lab.run("validate", partition_key="2020-04", snapshot_id=taken["snapshot_id"], contract="contract.yaml")

    assert found["verdict"]["outcome"] == "PASS"


def test_a_partition_after_one_without_rows(make_lab: MakeLab) -> None:
    """That no value was missing among no rows binds nobody, and a contract of columns alone has no units to keep."""
    lab = make_lab("accepted")
    allow(lab)
    for key, contract in (("2020-04", "last"), ("2020-05", "last"), ("2020-06", "contract.yaml")):
        rows = f"{SYNTHETIC}:{'nothing' if key == '2020-04' else 'read_partition'}"
        taken = lab.run("snapshot", partition_key=key, source=rows, allow_empty=True)
        found = lab.run("validate", partition_key=key, snapshot_id=taken["snapshot_id"], contract=contract)
        assert found["verdict"]["outcome"] == "PASS"


def test_two_empty_partitions_are_one_snapshot_with_two_records(make_lab: MakeLab) -> None:
    """The id is that of the columns; each partition has a record and a verdict of its own, found again."""
    lab = make_lab("accepted")
    allow(lab)
    found = [accept(lab, key) for key in ("2020-04", "2020-05", "2020-04")]

    assert len({item["snapshot_id"] for item in found}) == 1
    assert [item["partition_key"] for item in found] == ["2020-04", "2020-05", "2020-04"]
    assert list(accepted_snapshots(lab.ledger(CHAIN).records())) == [
        "2020-01",
        "2020-02",
        "2020-03",
        "2020-04",
        "2020-05",
    ]
    stored = stored_snapshots(Storage(), DATASET)
    plan = plan_pruning(stored, lab.ledger(CHAIN).records(), {}, Rule(keep=1))
    assert [key for key, why in plan.kept.items() if "the newest partition" in why] == [found[0]["snapshot_id"]]


def test_a_window_counts_it(make_lab: MakeLab) -> None:
    """It is a member like others and adds no row; a window of nothing else is refused as a partition is."""
    lab = make_lab("accepted")
    allow(lab)
    accept(lab, "2020-04")
    two = {"source": sources.snapshots(DATASET, window=2), "dataset": "window"}
    taken = lab.run("snapshot", partition_key="2020-05", **two)
    assert [item["partition_key"] for item in manifest_of(taken)["members"]] == ["2020-03", "2020-04"]
    assert taken["rows"] == len(rows_of("2020-03"))
    rows = read_rows(Storage(), "window", [{"snapshot_id": taken["snapshot_id"]}])
    assert len(rows) == taken["rows"]

    one = {"source": sources.snapshots(DATASET, window=1), "dataset": "window", "partition_key": "2020-05"}
    with pytest.raises(AirflowFailException, match=r"gave no rows for 2020-05\. Where"):
        lab.run("snapshot", **one)
    nothing = lab.run("snapshot", **one, allow_empty=True)
    with pytest.raises(BadInput, match="No row of dataset 'window' is in the chosen snapshots: they are empty"):
        read_rows(Storage(), "window", [{"snapshot_id": nothing["snapshot_id"]}])


def test_training_goes_over_it(make_lab: MakeLab) -> None:
    """Among others it adds nothing; as the partition that is held out it is an error that says so."""
    lab = make_lab("accepted")
    allow(lab)
    accept(lab, "2020-04")
    lab.accept("2020-05")
    trained = lab.run("train", partition_key="2020-05")
    empty = accepted_snapshots(lab.ledger(CHAIN).records())["2020-04"]
    assert empty in json.dumps(lab.records("training")[-1].body)
    assert trained["manifest_hash"]
    alone = lab.run("train", partition_key="2020-04")
    lab.run("register", manifest_hash=alone["manifest_hash"])
    with pytest.raises(AirflowFailException, match="in the chosen snapshots: they are empty"):
        lab.run("evaluate", manifest_hash=alone["manifest_hash"])
    with pytest.raises(AirflowFailException, match=r"Snapshot sha256:\w+ has no rows"):
        lab.run("train", partition_key="2020-04", holdout_days=3)


def test_monitoring_is_clear_about_it(make_lab: MakeLab) -> None:
    """Drift and checks decide nothing or say no; a scoring writes a log without rows; a profile counts none."""
    lab = make_lab("promoted")
    allow(lab)
    accept(lab, "2020-04")
    drift = lab.run("drift", partition_key="2020-04")
    assert drift["verdict"]["outcome"] == "INCONCLUSIVE"
    assert "0 current values, at least 100 needed" in drift["verdict"]["reasons"][0]
    assert lab.records("drift")[-1].body["report"] is not None
    scored = lab.run("score", partition_key="2020-04")
    assert (scored["rows"], scored["failed"]) == (0, 0)
    assert (Path(scored["uri"]) / "manifest.json").is_file()
    (profiled,) = lab.run("profile", partition_key="2020-04")["profiles"]
    assert profiled["rows"] == 0
    with pytest.raises(AirflowFailException, match="there are no test rows; there are no test rows"):
        lab.run("check", partition_key="2020-04")
