"""Trainings that start from an earlier version: from its parameters, or from its fitted model."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_provider_mlops.backends import scikit_learn as sk
from airflow_provider_mlops.core.lineage import uses_of
from airflow_provider_mlops.core.manifest import manifest_hash
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.rows import read_rows
from airflow_provider_mlops.hooks.scoring import load_model
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.task_groups.lifecycle import model_retraining
from tests.conftest import MakeLab
from tests.support.command import run_command
from tests.support.lab import DATASET, LEARN, Lab
from tests.support.training_tasks import with_kinds

LEARNING, TASKS = "tests.support.learning", "tests.support.training_tasks"


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """A lab whose champion, trained on January, can learn on; four months are accepted."""
    return make_lab("learned")


def manifest_of(lab: Lab, index: int = -1) -> dict[str, Any]:
    """Return a recorded manifest."""
    manifest: dict[str, Any] = lab.records("training")[index].body["manifest"]
    return manifest


def rows_of_training(lab: Lab, index: int = -1) -> tuple[Any, Any]:
    """Return features and labels of a training."""
    manifest = manifest_of(lab, index)
    rows = read_rows(Storage(str(lab.storage)), DATASET, manifest["train"]["snapshots"])
    features, labels, _ = sk.split_features(rows, features=manifest["features"], label="late")
    return features, labels


class TestParameters:
    """`params_from`: the recorded parameters of a version as a start."""

    def test_of_the_champion(self, lab: Lab) -> None:
        """Explicit ones override them; the manifest says which version they came from, and a number says the same."""
        asked = {"partition_key": "2020-03", "train_function": LEARN, "train_params": {"shown": 1}}
        by_alias = lab.run("train", params_from="@champion", **asked)

        manifest = manifest_of(lab)
        assert manifest["params"] == {"alpha": 0.01, "shown": 1}
        assert manifest["params_from"] == {"version": "1", "manifest_hash": manifest_hash(manifest_of(lab, 0))}
        assert lab.run("train", params_from="1", **asked)["record"] == by_alias["record"]
        lab.run("train", params_from="1", **{**asked, "train_params": {"alpha": 0.1}})
        assert manifest_of(lab)["params"] == {"alpha": 0.1}

    def test_without_a_champion(self, make_lab: MakeLab) -> None:
        """The explicit parameters alone are used, and the record says that there was no version."""
        lab = make_lab("accepted")
        lab.run("train", partition_key="2020-02", params_from="@champion", train_params={"strength": 2.0})

        assert manifest_of(lab)["params"] == {"strength": 2.0}
        assert manifest_of(lab)["params_from"] == {"version": None, "manifest_hash": None}
        (start,) = lab.records("training_start")
        assert start.body["versions"] == {"champion": None}

    def test_an_alias_is_looked_up_once_for_a_run(self, lab: Lab) -> None:
        """A retry finds what its run began with though another run has promoted; a later run finds the new one."""
        asked = {"partition_key": "2020-04", "train_function": LEARN, "params_from": "@champion"}
        first = lab.run("train", run_id="monthly", **asked)
        lab.promote("2020-03", train_function=LEARN, train_params={"alpha": 0.02})

        assert lab.run("train", run_id="monthly", **asked) == first
        lab.run("train", run_id="later", **asked)
        assert manifest_of(lab)["params_from"]["version"] == "2"
        assert manifest_of(lab)["params"] == {"alpha": 0.02}
        assert [r.body["versions"] for r in lab.records("training_start")] == [{"champion": "1"}, {"champion": "2"}]

    def test_a_replay_asks_no_registry(self, lab: Lab) -> None:
        """An audit takes the recorded parameters, whoever is champion now."""
        asked = {"partition_key": "2020-03", "train_function": LEARN, "params_from": "@champion"}
        lab.run("train", **asked)
        lab.client.delete_registered_model_alias(lab.model, "champion")
        audit = lab.run("train", run_type="backfill", run_id="audit", **asked)

        assert audit["replay"] == {"level": "L0", "differences": []}
        assert len(lab.records("training_start")) == 1

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"params_from": "champion"}, "neither a version"),
            ({"params_from": True}, "True is neither a version"),
            ({"params_from": 9}, "Version 9 of model"),
            ({"params_from": "9"}, "Version 9 of model"),
            ({"fit": "some"}, "must be one of: full, warm, incremental"),
            ({"fit": "incremental", "batch_rows": 0}, "batch_rows=0 must be a whole number"),
            ({"fit": "incremental", "first": "skip"}, "must be one of: fail, full"),
            ({"fit": "incremental", "base": "@golden"}, "has no @golden"),
        ],
    )
    def test_bad_starts_are_refused(self, lab: Lab, arguments: dict[str, Any], words: str) -> None:
        """The error names the value and the way out; nothing is trained."""
        with pytest.raises(AirflowFailException, match=words):
            lab.run("train", partition_key="2020-03", train_function=LEARN, **arguments)
        assert len(lab.records("training")) == 1

    def test_a_retired_version_starts_nothing(self, lab: Lab) -> None:
        """What was taken out of use is no start either."""
        lab.promote("2020-03", train_function=LEARN)
        lab.run("retire", version="1")
        with pytest.raises(AirflowFailException, match="nothing starts from it any more"):
            lab.run("train", partition_key="2020-04", train_function=LEARN, params_from="1")


class TestIncremental:
    """`fit="incremental"`: the base learns the rows that it has not seen."""

    def test_learns_new_rows_in_recorded_batches(self, lab: Lab) -> None:
        """It is the champion after partial_fit on these rows, batch by batch in canonical order, and cites it."""
        lab.run("learn_on", partition_key="2020-03")
        base, record = lab.records("training")
        manifest = record.body["manifest"]

        assert [item["partition_key"] for item in manifest["train"]["snapshots"]] == ["2020-02"]
        assert manifest["fit"] == {
            "kind": "incremental",
            "batch_rows": 300,
            "base": {
                "version": "1",
                "manifest_hash": base.body["manifest_hash"],
                "model_digest": base.body["model_digest"],
                "archive_sha256": base.body["archive_sha256"],
                "depth": 1,
            },
        }
        model = load_model(MlflowHook(), base)
        features, labels = rows_of_training(lab)
        for start in range(0, len(labels), 300):
            model.partial_fit(features[start : start + 300], labels[start : start + 300])
        assert record.body["model_digest"] == sk.model_digest(model)
        assert record.body["rows"] == len(labels)
        other = lab.run("learn_on", partition_key="2020-03", batch_rows=200)
        assert other["model_digest"] != record.body["model_digest"]

    def test_a_chain_and_its_replays(self, lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
        """Each version cites the one before it; audits fetch the base, a replay from the root trains all again."""
        lab.promote("2020-03", run_id="march", **as_training(lab))
        lab.run("register", manifest_hash=lab.run("learn_on", partition_key="2020-04")["manifest_hash"])
        manifest = manifest_of(lab)
        assert [item["partition_key"] for item in manifest["train"]["snapshots"]] == ["2020-03"]
        assert (manifest["fit"]["base"]["version"], manifest["fit"]["base"]["depth"]) == ("2", 2)

        audit = lab.run("learn_on", run_type="backfill", run_id="audit", partition_key="2020-04")
        assert audit["replay"] == {"level": "L0", "differences": []}
        for from_root, levels in ((False, [None, None]), (True, ["L0", "L0"])):
            lab.run("replay", run_type="manual", run_id=f"{from_root}", version="3", from_root=from_root)
            figures = stored(lab)["figures"]
            assert [(base["version"], base["fit"], base["level"]) for base in figures["bases"]] == [
                ("1", "full", levels[0]),
                ("2", "incremental", levels[1]),
            ]
            assert (figures["depth"], figures["replayed_from"]) == (3, "root" if from_root else "base")
            assert lab.records("certificate")[-1].body["level"] == "L0"
        january = lab.facts["snapshots"]["2020-01"]
        assert [(item["use"], item["version"]) for item in uses_of([january], {lab.model: lab.ledger().records()})] == [
            ("trained on", "1"),
            ("base trained on", "2"),
            ("base trained on", "3"),
        ]
        assert run_command("lineage", "version", "3", "--model", lab.model) == 0
        told = " ".join(capsys.readouterr().out.split())
        assert "trained on 2020-03, fit incremental parameters of version 2" in told
        assert "goes on from version 2 (incremental, 2020-03)" in told
        assert "goes on from version 1 (full, 2020-02)" in told
        assert run_command("lineage", "version", "3", "--model", lab.model, "--json") == 0
        assert [base["version"] for base in json.loads(capsys.readouterr().out)["bases"]] == ["2", "1"]
        assert run_command("lineage", "version", "9", "--model", lab.model) == 2
        assert "## Bases" in (Path(lab.records("certificate")[-1].body["uri"]) / "certificate.md").read_text()

    def test_the_first_version(self, make_lab: MakeLab) -> None:
        """Without a champion it fails, or is fitted in full where the Dag says so; the record says which."""
        lab = make_lab("accepted")
        with pytest.raises(AirflowFailException, match="Train the first version in full"):
            lab.run("learn_on", partition_key="2020-02")
        lab.run("learn_on", partition_key="2020-02", first="full", run_id="second")

        assert "fit" not in manifest_of(lab)
        assert lab.records("training")[0].body["start"] == {"fit": "incremental", "base": "@champion", "version": None}

    def test_no_new_rows(self, lab: Lab) -> None:
        """Nothing is trained, and the record says up to where the base has learned."""
        lab.promote("2020-04", train_function=LEARN, run_id="april")
        with pytest.raises(AirflowSkipException, match="has learned all rows up to 2020-03"):
            lab.run("learn_on", partition_key="2020-04", run_id="again")

    def test_rows_that_the_base_has_learned_are_not_held_out(self, lab: Lab) -> None:
        """A test on them would flatter."""
        lab.promote("2020-04", train_function=LEARN, run_id="april")
        with pytest.raises(AirflowFailException, match="has learned rows of 2020-03; 2020-03 is held out"):
            lab.run("learn_on", partition_key="2020-03", run_id="again")

    def test_goes_on_where_the_base_was_cut(self, lab: Lab) -> None:
        """After a training on a part of a partition the rest of it is new, up to the next held out days."""
        lab.promote("2020-03", train_function=LEARN, holdout_days=14, run_id="march")
        lab.run("learn_on", partition_key="2020-03", holdout_days=5, run_id="rest")

        before, now = manifest_of(lab, -2), manifest_of(lab)
        assert now["train"]["since"] == before["train"]["until"]
        assert [item["partition_key"] for item in now["train"]["snapshots"]] == ["2020-03"]
        assert 190 < lab.records("training")[-1].body["rows"] < 300

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"features": ["noise", "signal"]}, "its features is signal, noise"),
            ({"label_column": "group"}, "its label is late"),
            ({"task": "regression"}, "its task is binary"),
            ({"train_params": {"alpha": 0.5}}, "alpha=0.5 would not be used"),
            ({"train_params": {"other": 0.5}}, "other=0.5 would not be used"),
        ],
    )
    def test_what_the_base_did_not_learn(self, lab: Lab, arguments: dict[str, Any], words: str) -> None:
        """Other features, label, task or parameters than the base's are refused by name."""
        with pytest.raises(AirflowFailException, match=words):
            lab.run("learn_on", **{"partition_key": "2020-03", "params_from": None, **arguments})
        assert len(lab.records("training")) == 1

    def test_an_estimator_that_cannot_learn_on(self, make_lab: MakeLab) -> None:
        """The error names its class."""
        lab = make_lab("promoted")
        with pytest.raises(AirflowFailException, match="a LogisticRegression, which has no partial_fit"):
            lab.run("learn_on", partition_key="2020-03")


def new_kind(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month with a word that no month before it has."""
    for frame in with_kinds(partition):
        yield frame.assign(late=frame["late"].where(frame.index % 50 != 7, "plane"))


def test_a_new_class_is_named(make_lab: MakeLab) -> None:
    """A base cannot learn a class that it has never seen."""
    lab = make_lab("empty")
    for key, source in (("2020-01", f"{TASKS}:with_kinds"), ("2020-02", f"{__name__}:new_kind"), ("2020-03", "")):
        taken = lab.run("snapshot", partition_key=key, source=source or f"{TASKS}:with_kinds")
        lab.run("validate", partition_key=key, snapshot_id=taken["snapshot_id"])
    asked = {"task": "multiclass", "train_function": LEARN}
    manifest = lab.run("train", partition_key="2020-02", **asked)["manifest_hash"]
    lab.run("register", manifest_hash=manifest)

    with pytest.raises(AirflowFailException, match="hold the new class 'plane'; the base knows car, ship, train"):
        lab.run("learn_on", partition_key="2020-03", base="1", params_from=None, **asked)


class TestWarm:
    """`fit="warm"`: the training function goes on from a fitted estimator."""

    def test_the_function_gets_the_base(self, make_lab: MakeLab) -> None:
        """Its own warm start; the manifest cites the base, and an audit agrees."""
        lab = make_lab("accepted")
        asked: dict[str, Any] = {"train_function": f"{LEARNING}:warm"}
        lab.promote("2020-02", **asked)
        cold = lab.run("train", partition_key="2020-03", **asked)
        lab.run("train", partition_key="2020-03", fit="warm", operating_threshold={"metric": "f1"}, **asked)

        record = lab.records("training")[-1]
        assert record.body["manifest"]["fit"]["kind"] == "warm"
        assert [item["partition_key"] for item in record.body["manifest"]["train"]["snapshots"]] == [
            "2020-01",
            "2020-02",
        ]
        assert record.body["model_digest"] != cold["model_digest"]
        lab.run("register", manifest_hash=record.body["manifest_hash"])
        lab.run("replay", run_type="manual", version="2", from_root=True)
        assert lab.records("certificate")[-1].body["level"] == "L0"
        audit = lab.run("train", partition_key="2020-03", fit="warm", run_type="backfill", run_id="audit", **asked)
        assert audit["manifest_hash"] == record.body["manifest_hash"]
        assert audit["replay"] == {"level": "L0", "differences": []}

    def test_a_function_without_the_keyword(self, lab: Lab) -> None:
        """What would only fall into its ``**params`` is not enough."""
        with pytest.raises(AirflowFailException, match="takes no keyword 'base'"):
            lab.run("train", partition_key="2020-03", fit="warm", train_function=LEARN)


class TestLostBases:
    """What becomes of a model whose base is not there any more, or not what it was."""

    @pytest.fixture
    def lab(self, make_lab: MakeLab) -> Lab:
        """A lab with a champion, and a version that goes on from it."""
        lab = make_lab("learned")
        lab.run("register", manifest_hash=lab.run("learn_on", partition_key="2020-03")["manifest_hash"])
        return lab

    @staticmethod
    def base_folder(lab: Lab) -> Path:
        """Return where MLflow keeps the base."""
        model_id = lab.records("training")[0].body["logged_model_id"]
        (archive,) = lab.root.glob(f"mlruns/**/{model_id}/artifacts/model.skops")
        return archive.parent

    @pytest.mark.parametrize("how", ["missing", "changed"])
    def test_the_base_is_the_named_cause(self, lab: Lab, how: str) -> None:
        """A replay says which; nothing is loaded; from the root it is reproduced all the same."""
        folder = self.base_folder(lab)
        if how == "missing":
            shutil.rmtree(folder)
        else:
            raw = (folder / "model.skops").read_bytes()
            (folder / "model.skops").write_bytes(raw[:-5] + bytes([raw[-5] ^ 1]) + raw[-4:])
        with pytest.raises(AirflowFailException, match="base missing or changed"):
            lab.run("replay", run_type="manual", version="2")
        with pytest.raises(AirflowFailException, match="The base, version 1, is missing or was changed"):
            lab.run("learn_on", run_type="backfill", run_id="audit", partition_key="2020-03")

        certificates = lab.records("certificate")
        assert [(r.outcome, r.body["level"]) for r in certificates] == [("FAIL", "none")] * 2
        assert {r.body["differences"][0]["cause"] for r in certificates} == {"base missing or changed"}
        lab.run("replay", run_type="manual", run_id="root", version="2", from_root=True)
        assert lab.records("certificate")[-1].body["level"] == "L0"

    def test_a_training_refuses_a_changed_base(self, lab: Lab) -> None:
        """Its bytes are checked before anything loads them."""
        (self.base_folder(lab) / "model.skops").write_bytes(b"something else")
        with pytest.raises(AirflowFailException, match="The base, version 1, is missing or was changed"):
            lab.run("learn_on", partition_key="2020-04")

    def test_rows_erased_from_a_base_are_named(self, lab: Lab) -> None:
        """The certificate of the derived model says how many; the model itself is reproduced from the fetched base."""
        keys = lab.root / "keys.txt"
        keys.write_text("2020-01/1\n")
        lab.run("erase", run_type="manual", key_column="row_id", keys_file=str(keys), reason="DSR-1")
        lab.run("replay", run_type="manual", version="2")
        (record,) = lab.records("certificate")
        assert (record.outcome, record.body["level"]) == ("PASS", "L0")
        (difference,) = record.body["differences"]
        assert difference["cause"] == "data erased from a base"
        assert difference["detail"].startswith("1 rows that the base, version 1, has learned were erased")

        lab.run("replay", run_type="manual", run_id="root", version="2", from_root=True, on_difference="record")
        record = lab.records("certificate")[-1]
        assert record.outcome == "INCONCLUSIVE"
        assert {item["cause"] for item in record.body["differences"]} >= {"data erased"}


class TestRetraining:
    """The retrain policy and the task group hand the start on to the training."""

    @staticmethod
    def rendered(lab: Lab, decided: dict[str, Any], **group: Any) -> tuple[Any, Any]:
        """Render the start of the training of a group."""
        with DAG("retraining", schedule=None) as dag:
            model_retraining(
                model_name=lab.model,
                dataset=DATASET,
                train_function=LEARN,
                policy="policy.yaml",
                features=["signal", "noise"],
                label_column="late",
                time_column="time",
                holdout_days=5,
                retrain_policy="retrain.yaml",
                **group,
            )
        task = dag.get_task("retraining.train")
        context = {"ti": SimpleNamespace(xcom_pull=lambda task_ids: decided)}
        return task.render_template(task.params_from, context), task.render_template(task.fit, context)

    def test_the_policy_says_how_it_starts(self, make_lab: MakeLab) -> None:
        """What the policy names is recorded with the decision; what the Dag says comes first."""
        lab = make_lab("alarmed")
        rules = (lab.root / "retrain.yaml").read_text()
        (lab.root / "retrain.yaml").write_text(rules + 'params_from: "@champion"\nfit: incremental\n')
        decided = lab.run("decide", partition_key="2020-04")

        assert (decided["params_from"], decided["fit"]) == ("@champion", "incremental")
        assert lab.records("retrain")[0].body["fit"] == "incremental"
        assert self.rendered(lab, decided) == ("@champion", "incremental")
        assert self.rendered(lab, decided, params_from="3", fit="full") == ("3", "full")
        silent = {**decided, "params_from": None, "fit": None}
        assert self.rendered(lab, silent) == ("", "")

    def test_an_empty_start_is_a_full_fit(self, lab: Lab) -> None:
        """A policy that says nothing leaves all as it was."""
        lab.run("train", partition_key="2020-03", train_function=LEARN, params_from="", fit="")
        assert {"params_from", "fit"}.isdisjoint(manifest_of(lab))
        assert manifest_of(lab)["params"] == {}


def as_training(lab: Lab) -> dict[str, Any]:
    """Return the arguments that make `train` what `learn_on` is."""
    _, arguments = lab._steps()["learn_on"]
    names = ("train_function", "params_from", "fit", "batch_rows")
    return {name: arguments[name] for name in names}


def stored(lab: Lab) -> dict[str, Any]:
    """Read the newest certificate."""
    path = Path(lab.records("certificate")[-1].body["uri"]) / "certificate.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found
