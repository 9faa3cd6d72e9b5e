"""A champion that was trained elsewhere is taken into the ledger, and candidates are compared with it."""

from pathlib import Path
from typing import Any

import mlflow
import pytest
from airflow.cli import cli_parser
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.cli import adopt as command
from tests.conftest import MakeLab
from tests.support.lab import Lab
from tests.support.synthetic import FEATURES, rows_of, train

POLICY_THAT_ALLOWS = "  - {name: files, kind: artifact_scan, allow_pickle: true}\n"


def elsewhere(lab: Lab, serialization: str, *, alias: str | None = "champion") -> Path:
    """Train, save and register a champion as a team without this provider does; return rows to predict."""
    rows = rows_of("2020-01").dropna()
    model = train(rows[FEATURES], rows["late"].astype(int), seed=1)
    client = lab.client
    run = client.create_run(client.create_experiment("elsewhere"))
    folder = lab.root / "elsewhere"
    mlflow.sklearn.save_model(
        model,
        str(folder),
        serialization_format=serialization,
        signature=mlflow.models.infer_signature(rows[FEATURES], model.predict(rows[FEATURES])),
        pip_requirements=["scikit-learn"],
    )
    logged = client.create_logged_model(run.info.experiment_id, "elsewhere", run.info.run_id)
    client.log_model_artifacts(logged.model_id, str(folder))
    client.finalize_logged_model(logged.model_id, "READY")
    client.create_registered_model(lab.model)
    client.create_model_version(
        lab.model, f"models:/{logged.model_id}", run_id=run.info.run_id, model_id=logged.model_id
    )
    if alias:
        client.set_registered_model_alias(lab.model, alias, "1")
    rows[FEATURES].to_parquet(lab.root / "rows.parquet")
    return lab.root / "rows.parquet"


def adopt(lab: Lab, *arguments: str) -> None:
    """Call the command."""
    asked = [
        "mlops",
        "adopt",
        "--model",
        lab.model,
        "--version",
        "1",
        "--label",
        "late",
        "--reason",
        "in use since 2019",
    ]
    command.adopt(cli_parser.get_parser().parse_args([*asked, *arguments]))


def test_skops_champion(make_lab: MakeLab, capsys: pytest.CaptureFixture[str]) -> None:
    """It is recorded with hashes, signature and predictions; a candidate is judged against it and replaces it."""
    lab = make_lab("accepted")
    rows = elsewhere(lab, "skops")
    adopt(lab, "--rows", str(rows))

    (record,) = lab.records("adoption")
    body = record.body
    assert (body["format"], body["alias"], body["version"]) == ("skops", "champion", "1")
    assert body["previous_version"] is None
    assert body["signature"]["inputs"] == {"signal": "double", "noise": "double"}
    assert {item["path"] for item in body["files"]} >= {"MLmodel", "model.skops"}
    assert body["prediction_digest"].startswith("sha256:")
    assert body["probe"]["rows"] == min(1_000, len(rows_of("2020-01").dropna()))
    assert any("trained on" in line for line in body["unknown"])
    assert "Not known:" in capsys.readouterr().out
    adopt(lab)
    assert len(lab.records("adoption")) == 1

    found = lab.judge("2020-03")
    assert found["gate"]["champion_version"] == "1"
    assert found["gate"]["verdict"]["outcome"] == "PASS"
    assert lab.run("promote", gate_record=found["gate"]["record"])["previous_version"] == "1"
    # It is a version to go back to: it loads, though no rows of its training are here.
    assert lab.run("rollback")["version"] == "1"
    assert lab.records("rollback")[0].body["tried"][0]["probe_identical"] is None


def test_pickle_is_not_loaded(make_lab: MakeLab) -> None:
    """A pickle is adopted by its hashes alone; no candidate is compared with it, and it is not restored."""
    lab = make_lab("accepted")
    rows = elsewhere(lab, "cloudpickle")
    adopt(lab, "--rows", str(rows))
    body = lab.records("adoption")[0].body
    assert (body["format"], body["prediction_digest"], body["allow_pickle"]) == ("pickle", None, False)
    assert "what it predicts: it was not loaded" in body["unknown"]

    with pytest.raises(AirflowFailException, match="Version 1 is no skops archive and runs code when it is loaded"):
        lab.judge("2020-03")


@pytest.mark.parametrize(("named", "loads"), [(True, True), (False, False)])
def test_pickle_that_the_policy_names(make_lab: MakeLab, named: bool, loads: bool) -> None:
    """A pickle is loaded where the adoption and the policy of the evaluation allow it."""
    lab = make_lab("accepted")
    rows = elsewhere(lab, "cloudpickle")
    adopt(lab, "--rows", str(rows), "--allow-pickle")
    assert lab.records("adoption")[0].body["prediction_digest"] is not None
    if named:
        (lab.root / "policy.yaml").write_text((lab.root / "policy.yaml").read_text() + POLICY_THAT_ALLOWS)

    trained = lab.run("train", partition_key="2020-03")
    lab.run("register", manifest_hash=trained["manifest_hash"])
    evaluation: dict[str, Any] = {"manifest_hash": trained["manifest_hash"], "policy": "policy.yaml"}
    if not loads:
        with pytest.raises(AirflowFailException, match="allow_pickle: true"):
            lab.run("evaluate", **evaluation)
        return
    found = lab.run("evaluate", **evaluation)
    assert found["champion_version"] == "1"
    assert lab.run("gate", evaluation_id=found["evaluation_id"])["verdict"]["outcome"] == "PASS"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--features", "signal"], "are not the inputs of the model's signature"),
        (["--row-id", "signal"], "must hold neither the label"),
        (["--rows", "nowhere.parquet"], "cannot be read as Parquet"),
        (["--alias", "golden"], "is on no version, not on version 1: only what is in use can be adopted"),
        (["--reason", " "], "An adoption needs a reason"),
    ],
)
def test_what_cannot_be_adopted(
    make_lab: MakeLab, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """A claim that does not fit is refused, and nothing is recorded."""
    lab = make_lab("accepted")
    elsewhere(lab, "skops")
    with pytest.raises(SystemExit) as ended:
        adopt(lab, *arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert lab.records("adoption") == []


def test_version_of_this_ledger_is_not_adopted(make_lab: MakeLab, capsys: pytest.CaptureFixture[str]) -> None:
    """What was trained here has evidence already."""
    lab = make_lab("promoted")
    with pytest.raises(SystemExit):
        adopt(lab)
    assert "is in the ledger already" in capsys.readouterr().err


def test_adoption_is_no_way_around_the_gate(make_lab: MakeLab, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the ledger has a champion, another one comes by the gate, or by somebody who says that it does not."""
    lab = make_lab("promoted")
    made = lab.client.get_model_version(lab.model, "1")
    lab.client.create_model_version(lab.model, made.source, run_id=made.run_id)
    lab.client.set_registered_model_alias(lab.model, "champion", "2")
    with pytest.raises(SystemExit) as ended:
        adopt(lab, "--version", "2")

    assert ended.value.code == 2
    assert "put alias 'champion' on version 1" in capsys.readouterr().err
    assert lab.records("adoption") == []
    adopt(lab, "--version", "2", "--replace-champion")
    (record,) = lab.records("adoption")
    assert (record.body["version"], record.body["replaces"]) == ("2", lab.records("promotion")[-1].hash)
    adopt(lab, "--version", "2")
    assert len(lab.records("adoption")) == 1
