"""Validating a snapshot: severities, rows set aside, contracts, reports, and what training and promotion make of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

from airflow_provider_mlops.core.evidence import accepted_snapshots, validation_outcomes
from airflow_provider_mlops.core.partition import Partition
from tests.conftest import MakeLab
from tests.support.lab import DATASET, Lab
from tests.support.synthetic import rows_of

CHAIN = f"dataset/{DATASET}"
KEY = "2020-02"
SUITE_FROM_CODE = "tests.integration.test_validate:suite"


def suite() -> dict[str, Any]:
    """Return a suite, as users build one in code."""
    return {
        "name": "code",
        "expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "signal"}}],
    }


def renamed(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month whose feature has another name."""
    yield rows_of(partition.key).rename(columns={"noise": "noise_level"})


def validate(lab: Lab, **more: Any) -> dict[str, Any]:
    """Run the step on the second month."""
    return lab.run("quarantine", **{"partition_key": KEY, "snapshot_id": lab.facts["snapshots"][KEY], **more})


def write(lab: Lab, name: str, text: str, old: str = "", new: str = "") -> None:
    """Write a file of the Dag bundle."""
    (lab.root / name).write_text(text.replace(old, new) if old else text)


def edited(lab: Lab, name: str, old: str, new: str) -> None:
    """Change a file of the Dag bundle."""
    text = (lab.root / name).read_text()
    assert old in text
    (lab.root / name).write_text(text.replace(old, new))


def rows(uri: str) -> pd.DataFrame:
    """Read the rows of a stored folder."""
    return pq.read_table(next(Path(uri).glob("*.parquet"))).to_pandas()


def test_broken_rows_are_set_aside(make_lab: MakeLab) -> None:
    """They lie in a snapshot of their own with their reasons; the rest is the accepted one, and nothing is lost."""
    lab = make_lab("accepted")
    whole = rows_of(KEY)
    result = validate(lab)
    aside = rows(result["quarantine"]["uri"])
    kept = rows(str(lab.storage / "snapshots" / DATASET / result["snapshot_id"].removeprefix("sha256:")))

    assert result["snapshot_id"] != lab.facts["snapshots"][KEY]
    assert result["rows"] == len(kept) == (whole["signal"].abs() <= 2).sum()
    assert result["quarantine"]["rows"] == len(aside) == len(whole) - len(kept)
    assert list(aside["row_id"]) == list(whole.loc[whole["signal"].abs() > 2, "row_id"])
    assert set(aside["__broken_expectations__"]) == {"03 expect_column_values_to_be_between signal"}
    assert list(kept["row_id"]) == list(whole.loc[whole["signal"].abs() <= 2, "row_id"])


def test_record_names_all_that_holds_rows(make_lab: MakeLab) -> None:
    """What erasure must find stands in the record: quarantine, report, MLflow run; no value of a row does."""
    lab = make_lab("accepted")
    result = validate(lab)
    record = lab.records("validation", CHAIN)[-1]
    manifest = json.loads((Path(result["quarantine"]["uri"]) / "manifest.json").read_text())

    assert record.hash == result["record"]
    assert record.body["quarantine"]["uri"] == result["quarantine"]["uri"]
    assert Path(record.body["report_uri"]).is_dir()
    assert record.body["mlflow_run_id"]
    assert record.body["verdict"]["marks"] == ["warnings", "quarantine"]
    assert (manifest["role"], manifest["of"]) == ("quarantine", lab.facts["snapshots"][KEY])


def test_training_and_promotion_take_the_accepted_snapshot(make_lab: MakeLab) -> None:
    """Its id is the partition's; the snapshot it came from is not accepted any more."""
    lab = make_lab("accepted")
    before, after = lab.facts["snapshots"][KEY], validate(lab)["snapshot_id"]
    records = lab.ledger(CHAIN).records()

    assert accepted_snapshots(records)[KEY] == after
    assert validation_outcomes(records, [before, after]) == {before: "FAIL", after: "PASS"}
    trained = lab.judge("2020-03", window=1)
    assert trained["gate"]["verdict"]["outcome"] == "PASS"
    assert lab.run("promote", gate_record=trained["gate"]["record"])["moved"]
    manifest = lab.records("training")[-1].body["manifest"]
    assert manifest["train"]["snapshots"][-1]["snapshot_id"] == after


def test_nothing_breaks(make_lab: MakeLab) -> None:
    """Then the id stays, and nothing is stored beside the report."""
    lab = make_lab("accepted")
    edited(lab, "quarantine.yaml", "min_value: -2, max_value: 2", "min_value: -9, max_value: 9")
    edited(lab, "quarantine.yaml", "max_value: 790", "max_value: 800")
    result = validate(lab)

    assert result["snapshot_id"] == lab.facts["snapshots"][KEY]
    assert result["quarantine"] is None
    assert not (lab.storage / "quarantine").exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("max_share: 0.1", "max_share: 0.01", r"rows \(0\.\d+\) would have to be .*, at most 0\.01 may be"),
        ("min_value: -2, max_value: 2", "min_value: 50, max_value: 60", "800 of 800 rows .* no row would be left"),
        ("min_value: 700, max_value: 790", "min_value: 795, max_value: 800", "does not hold: observed 7"),
        ("column: signal", "column: sgnal", "could not be judged"),
    ],
)
def test_what_is_not_accepted(make_lab: MakeLab, old: str, new: str, words: str) -> None:
    """Too many broken rows, too few left, a column that is not there: refused for good, and nothing is set aside."""
    lab = make_lab("accepted")
    edited(lab, "quarantine.yaml", old, new)
    edited(lab, "quarantine.yaml", "max_share: 0.1", "max_share: 1") if "no row" in words else None
    folders = lab.snapshot_folders()
    with pytest.raises(AirflowFailException, match=f"Refused: Partition .* is not accepted. FAIL.*{words}"):
        validate(lab)
    record = lab.records("validation", CHAIN)[-1]

    assert (record.outcome, record.body["accepted_snapshot_id"], record.body["quarantine"]) == ("FAIL", None, None)
    assert Path(record.body["report_uri"]).is_dir()
    assert lab.snapshot_folders() == folders
    assert not (lab.storage / "quarantine").exists()
    with pytest.raises(AirflowFailException):  # and so says the retry, which finds the verdict
        validate(lab)
    assert lab.records("validation", CHAIN)[-1] == record


def test_another_engine_judges_anew(make_lab: MakeLab) -> None:
    """A verdict that is recorded answers for its own engine only: where a sample decided nothing, Spark is asked."""
    lab = make_lab("accepted")
    validate(lab)
    with pytest.raises(AirflowFailException, match="Engine 'sparc' is not known; it must be one of: auto, spark"):
        validate(lab, engine="sparc")
    assert lab.records("validation", CHAIN)[-1].body["engine"] == "auto"


def test_lost_accepted_snapshot_is_made_again(make_lab: MakeLab) -> None:
    """What was pruned comes back with the same id; the validation is recorded anew."""
    import shutil

    lab = make_lab("accepted")
    result = validate(lab)
    folder = lab.storage / "snapshots" / DATASET / result["snapshot_id"].removeprefix("sha256:")
    shutil.rmtree(folder)
    again = validate(lab)

    assert again["snapshot_id"] == result["snapshot_id"]
    assert folder.is_dir()
    assert again["record"] != result["record"]


def test_audit_judges_again_and_stores_nothing(make_lab: MakeLab) -> None:
    """It says whether today agrees with the record."""
    lab = make_lab("accepted")
    result = validate(lab)
    files = {path for path in lab.storage.rglob("*") if "ledger" not in path.parts}
    audit = validate(lab, run_type="backfill")
    record = lab.records("validation", CHAIN)[-1]

    assert (record.mode, record.body["report_uri"]) == ("audit", None)
    assert record.body["recorded"] == {
        "record": result["record"],
        "outcome": "PASS",
        "comparable": True,
        "agrees": True,
    }
    assert audit["snapshot_id"] == result["snapshot_id"]
    assert {path for path in lab.storage.rglob("*") if "ledger" not in path.parts} == files
    assert accepted_snapshots(lab.ledger(CHAIN).records())[KEY] == result["snapshot_id"]


def test_audit_by_another_suite_disagrees(make_lab: MakeLab) -> None:
    """And says that it is another suite."""
    lab = make_lab("accepted")
    validate(lab)
    edited(lab, "quarantine.yaml", "min_value: -2, max_value: 2", "min_value: -2.5, max_value: 2.5")
    edited(lab, "quarantine.yaml", "max_value: 790", "max_value: 800")
    validate(lab, run_type="backfill")
    recorded = lab.records("validation", CHAIN)[-1].body["recorded"]

    assert (recorded["comparable"], recorded["agrees"]) == (False, False)


def test_page_and_link(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page lies with the result; the link leads to the web address of the storage where there is one."""
    lab = make_lab("accepted")
    monkeypatch.setenv("AIRFLOW__MLOPS__REPORTS_URL", "https://reports.example/mlops/")
    result = validate(lab)
    page = Path(result["report_uri"]) / "data_docs.html"
    link = lab.xcoms["mlops_links"]["data_docs"]

    text = page.read_text()
    assert text.startswith("<!doctype html>")
    assert "Of the values that were set aside" in text
    assert link == f"https://reports.example/mlops/{page.relative_to(lab.storage)}"
    run_id = lab.records("validation", CHAIN)[-1].body["mlflow_run_id"]
    assert "validation/data_docs.html" in [item.path for item in lab.client.list_artifacts(run_id, "validation")]


def test_log_of_a_refusal_leads_to_the_values(
    make_lab: MakeLab, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """What failed, on how many rows, and where those values can be seen, which stand in no log; a retry says it too."""
    lab = make_lab("accepted")
    edited(lab, "quarantine.yaml", "max_share: 0.1", "max_share: 0.01")
    for _ in range(2):
        with caplog.at_level("INFO"), pytest.raises(AirflowFailException, match="not accepted"):
            validate(lab)
        said = caplog.text + capsys.readouterr().out
        caplog.clear()
        report = lab.records("validation", CHAIN)[-1].body["report_uri"]
        assert f"page with values that break it: {report}" in said


def test_mlflow_that_is_down_breaks_no_validation(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict stands without its picture."""
    lab = make_lab("accepted")
    lab.connect(monkeypatch, host="http://127.0.0.1:9", extra={"retries": 0, "timeout": 1})
    result = validate(lab)

    assert result["verdict"]["outcome"] == "PASS"
    assert "mlflow_run_id" not in lab.records("validation", CHAIN)[-1].body


def test_a_misspelt_connection_is_no_mlflow_that_is_down(make_lab: MakeLab) -> None:
    """It is said before anything is judged, and nothing is recorded."""
    lab = make_lab("accepted")
    before = len(lab.records("validation", CHAIN))
    with pytest.raises(AirflowNotFoundException, match="mlflow_defualt"):
        validate(lab, mlflow_conn_id="mlflow_defualt")
    assert len(lab.records("validation", CHAIN)) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"dataset": "event"}, r"Dataset 'event' has no record in .*; it has: events\. Did you mean events\?"),
        ({"snapshot_id": "None"}, "The ledger of dataset 'events' knows no snapshot 'None'"),
        ({"snapshot_id": "../../x"}, "The ledger of dataset 'events' knows no snapshot '../../x'"),
    ],
)
def test_what_the_ledger_does_not_know_is_not_judged(make_lab: MakeLab, arguments: dict[str, str], says: str) -> None:
    """A misspelt dataset, or what a template made of an earlier task that gave nothing."""
    with pytest.raises(AirflowFailException, match=says):
        validate(make_lab("accepted"), **arguments)


def test_suite_from_code(make_lab: MakeLab) -> None:
    """An import path instead of a file."""
    lab = make_lab("accepted")

    assert validate(lab, suite=SUITE_FROM_CODE, contract=None)["verdict"]["outcome"] == "PASS"


@pytest.mark.parametrize(
    ("contract", "words"),
    [
        ("no.yaml", "BadInput: File 'no.yaml' is not in the Dag bundle"),
        ("suite.yaml", "BadInput: .*unknown key"),
        ("", "BadInput: A file of the Dag bundle is needed, and the path is empty after rendering"),
    ],
)
def test_bad_contract(make_lab: MakeLab, contract: str, words: str) -> None:
    """A contract that is missing, empty after rendering or no contract judges nothing."""
    lab = make_lab("accepted")
    count = len(lab.ledger(CHAIN).records())
    with pytest.raises(AirflowFailException, match=words):
        validate(lab, contract=contract)
    assert len(lab.ledger(CHAIN).records()) == count


def test_contract_has_a_verdict_of_its_own(make_lab: MakeLab) -> None:
    """A record beside that of the validation, with the difference line by line; a broken one refuses the partition."""
    lab = make_lab("accepted")
    edited(lab, "contract.yaml", "categories: [a, b]", "categories: [a, c]")
    edited(lab, "contract.yaml", "noise: {type: double}", "noise: {type: int64}")
    with pytest.raises(AirflowFailException, match=r"contract: ~ types: noise: int64 -> double; ~ categories: group"):
        validate(lab)
    contract, validation = lab.records("contract", CHAIN)[-1], lab.records("validation", CHAIN)[-1]

    assert (contract.outcome, validation.outcome) == ("FAIL", "FAIL")
    assert contract.body["diff"] == ["~ types: noise: int64 -> double", "~ categories: group: new 'b'"]
    assert validation.body["contract_record"] == contract.hash


def test_unit_that_changes_unsaid(make_lab: MakeLab) -> None:
    """The contract in force before is the one of the ledger."""
    lab = make_lab("accepted")
    validate(lab)
    edited(lab, "contract.yaml", "unit: sigma", "unit: percent")
    with pytest.raises(AirflowFailException, match="units: signal: sigma -> percent"):
        validate(lab)
    edited(lab, "contract.yaml", "version: 1", "version: 2")
    result = validate(lab)

    assert result["verdict"]["marks"] == ["contract_changed", "warnings", "quarantine"]


def test_columns_of_the_last_accepted_partition(make_lab: MakeLab) -> None:
    """With ``last`` the partition before is the contract; the first one has nothing to compare with."""
    lab = make_lab("accepted")
    first = lab.run(
        "quarantine", partition_key="2020-01", snapshot_id=lab.facts["snapshots"]["2020-01"], contract="last"
    )
    said = lab.records("validation", CHAIN)[-1].body["verdict"]["rules"][-1]["reason"]
    assert said == "contract: there is no accepted partition before this one: nothing to compare the columns with"
    second = validate(lab, contract="last")
    taken = lab.run("snapshot", partition_key="2020-05", source=f"{__name__}:renamed")
    with pytest.raises(AirflowFailException, match=r"removed: noise \(double\); looks renamed to noise_level"):
        lab.run(
            "quarantine",
            partition_key="2020-05",
            snapshot_id=taken["snapshot_id"],
            contract="last",
            suite=SUITE_FROM_CODE,
        )

    assert "no_baseline" in first["verdict"]["marks"]
    assert "no_baseline" not in second["verdict"]["marks"]


def test_result_is_bounded(make_lab: MakeLab) -> None:
    """The report shows at most 20 values, the result none."""
    lab = make_lab("accepted")
    result = validate(lab)
    report = json.loads((Path(result["report_uri"]) / "result.json").read_text())

    assert max(len(item["result"]["partial_unexpected_list"]) for item in report["results"]) <= 20
    assert len(json.dumps(result)) < 5_000
    assert len(report["before_quarantine"]) == len(report["results"])
    assert [reason.partition(" ")[0] for reason in result["findings"]] == ["quarantine:", "warning:"]
