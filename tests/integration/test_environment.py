"""A version goes from one registry to another with its evidence: staging to production."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from mlflow import MlflowClient

from airflow_provider_mlops.core.ledger import Ledger
from tests.conftest import MakeLab
from tests.support.command import run_command
from tests.support.faults import Kill, TaskProcesses, effects_of, watched
from tests.support.lab import Lab, Stages


class Killed(BaseException):
    """What stands for SIGKILL."""


class Production:
    """A second registry with a ledger of its own.

    :param root: its folder.
    :param model: name of the registered model.
    """

    def __init__(self, root: Path, model: str) -> None:
        self.root, self.model = root, model
        self.host = f"sqlite:///{root}/mlflow.db"
        self.client = MlflowClient(self.host, self.host)

    def champion(self) -> str | None:
        """Return the version that holds the alias."""
        found = self.client.search_registered_models(f"name = '{self.model}'")
        return str(found[0].aliases["champion"]) if found and "champion" in found[0].aliases else None

    def records(self, kind: str | None = None) -> list[Any]:
        """Return the records of its ledger."""
        return Ledger(self.root / "ledger", f"model/{self.model}").records(kind)


Open = Callable[[Lab], Production]


@pytest.fixture
def production(stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Return a function that opens production beside a lab."""

    def open_production(lab: Lab) -> Production:
        root = tmp_path / "production"
        root.mkdir()
        shutil.copy(stages.database(), root / "mlflow.db")
        found = Production(root, lab.model)
        found.client.create_experiment(lab.model, artifact_location=str(root / "artifacts"))
        lab.variables["AIRFLOW_CONN_MLFLOW_PRODUCTION"] = json.dumps({"conn_type": "mlflow", "host": found.host})
        lab.enter(monkeypatch)
        return found

    return open_production


def target(there: Production) -> dict[str, Any]:
    """Return the arguments that name production."""
    return {"target_mlflow_conn_id": "mlflow_production", "target_ledger_root": str(there.root / "ledger")}


def promote(lab: Lab, there: Production, **arguments: Any) -> dict[str, Any]:
    """Promote to production."""
    return lab.run("environment", **{**target(there), **arguments})


def test_version_goes_over_with_its_evidence(make_lab: MakeLab, production: Open) -> None:
    """The champion of staging is champion of production; its records, proved by their hashes, lie there too."""
    lab = make_lab("replaced")
    there = production(lab)
    found = promote(lab, there)

    assert (found["source_version"], found["version"], found["moved"]) == ("2", "1", True)
    assert there.champion() == "1"
    assert lab.aliases()["champion"] == "2"
    transfer, promotion = there.records()
    assert (transfer.kind, promotion.kind, promotion.outcome) == ("transfer", "promotion", "PASS")
    kinds = [record["kind"] for record in transfer.body["records"]]
    assert kinds == ["training", "registration", "evaluation", "gate", "promotion"]
    known = {record.hash for record in lab.ledger().records()}
    assert {record["hash"] for record in transfer.body["records"]} <= known
    assert transfer.body["model_digest"] == lab.records("training")[-1].body["model_digest"]
    tags = there.client.get_model_version(there.model, "1").tags
    assert tags["mlops.source"] == f"model/{lab.model} version 2"
    assert tags["mlops.moved.champion"] == promotion.hash
    assert promote(lab, there) == found
    assert len(there.records()) == 2
    # What was copied there proves itself there: nothing seems to have lost its record.
    words = ("--ledger-root", str(there.root / "ledger"), "--mlflow", "--mlflow-conn-id", "mlflow_production")
    (there.root / "storage").mkdir()
    storage = ("--storage-root", str(there.root / "storage"))
    assert run_command("audit", "verify", "--model", there.model, *words, *storage) == 0


EFFECTS = (
    *("create_run", "create_logged_model", "log_model_artifacts", "finalize_logged_model", "set_terminated"),
    *("create_registered_model", "create_model_version", "record", "record"),
    *("set_registered_model_alias", "set_model_version_tag"),
)
KILLS = [
    pytest.param(Kill(index, after), id=f"{'after' if after else 'before'}-{index}-{name}")
    for index, name in enumerate(EFFECTS)
    for after in (False, True)
]


def test_side_effects_are_known(make_lab: MakeLab, production: Open) -> None:
    """The kill tests below cover every side effect."""
    lab = make_lab("replaced")
    there = production(lab)
    assert effects_of(lambda: promote(lab, there)) == list(EFFECTS)


@pytest.mark.parametrize("kill", KILLS)
def test_retry_after_a_kill(make_lab: MakeLab, production: Open, task_processes: TaskProcesses, kill: Kill) -> None:
    """Killed before or after any side effect: the retry leaves everything once, and alias, ledger and tags agree."""
    lab = make_lab("replaced")
    there = production(lab)
    assert task_processes.run(lab, "environment", target(there), kill) == -signal.SIGKILL
    promote(lab, there)

    transfer, promotion = there.records()
    assert (transfer.kind, promotion.kind, there.champion()) == ("transfer", "promotion", "1")
    (version,) = there.client.search_model_versions(f"name = '{there.model}'")
    assert version.tags["mlops.moved.champion"] == promotion.hash
    experiment = there.client.get_experiment_by_name(there.model)
    assert experiment is not None
    assert [run.info.status for run in there.client.search_runs([experiment.experiment_id])] == ["FINISHED"]
    # A model whose files were never written whole may lie there, not ready.
    ready = [m for m in there.client.search_logged_models([experiment.experiment_id]) if "READY" in str(m.status)]
    assert [m.model_id for m in ready] == [transfer.body["logged_model_id"]]


def test_killed_again_and_again(make_lab: MakeLab, production: Open) -> None:
    """Each try dies a side effect further than the last; in the end everything is there once, and the alias agrees."""
    lab = make_lab("replaced")
    there = production(lab)
    steps = 0
    while True:
        try:
            with watched(_dies_after(steps)):
                promote(lab, there)
        except Killed:
            steps += 1
            continue
        break

    assert steps >= 4
    assert [record.kind for record in there.records()] == ["transfer", "promotion"]
    assert len(there.client.search_model_versions(f"name = '{there.model}'")) == 1
    assert there.champion() == "1"


def _dies_after(step: int) -> Callable[[int, str, bool], None]:
    """Die right after a side effect: each try gets one effect further than the one before."""

    def die(number: int, _: str, after: bool) -> None:
        if after and number == step:
            raise Killed

    return die


def test_next_version_replaces_it(make_lab: MakeLab, production: Open) -> None:
    """An older model replaces a newer one only by force, and nothing but the version that is expected is replaced."""
    lab = make_lab("replaced")
    there = production(lab)
    promote(lab, there)
    with pytest.raises(AirflowFailException, match="which is newer than 2020-02"):
        promote(lab, there, version="1")
    with pytest.raises(AirflowFailException, match="is on 1, not on version 7"):
        promote(lab, there, version="1", expected_version="7", force_reason="the new one is slow")

    found = promote(lab, there, version="1", expected_version="1", force_reason="the new one is slow")
    assert (found["version"], found["previous_version"], there.champion()) == ("2", "1", "2")
    assert there.records("promotion")[-1].body["force_reason"] == "the new one is slow"
    # It is a move like any other: a rollback there goes back to the first.
    place = {"mlflow_conn_id": "mlflow_production", "ledger_root": str(there.root / "ledger")}
    assert lab.run("rollback", **place)["version"] == "1"
    assert there.champion() == "1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"version": "7"}, "Version 7 never held the alias"),
        ({"target_ledger_root": ""}, "target_ledger_root is empty"),
        ({"target_ledger_root": None}, "target_ledger_root is empty"),
    ],
)
def test_what_does_not_go_over(make_lab: MakeLab, production: Open, arguments: dict[str, Any], message: str) -> None:
    """What has no evidence stays."""
    lab = make_lab("replaced")
    there = production(lab)
    with pytest.raises(AirflowFailException, match=message):
        promote(lab, there, **arguments)
    assert there.champion() is None


def test_same_ledger_is_no_other_environment(make_lab: MakeLab, production: Open) -> None:
    """Source and target must differ."""
    lab = make_lab("replaced")
    with pytest.raises(AirflowFailException, match="are the same ledger and model"):
        promote(lab, production(lab), target_ledger_root=str(lab.storage / "ledger"))


def test_a_ledger_that_was_cut_is_no_evidence(make_lab: MakeLab, production: Open) -> None:
    """Whoever cuts off a rollback has a version that was never rolled back from: the source's checkpoint shows it."""
    lab = make_lab("replaced")
    there = production(lab)
    lab.run("rollback")
    last = lab.records("rollback")[-1]
    (lab.ledger().folder / f"{last.seq:08d}.json").unlink()
    with pytest.raises(AirflowFailException, match="cut off: the checkpoint names this record"):
        promote(lab, there)
    assert there.records() == []


def test_changed_bytes_do_not_go_over(make_lab: MakeLab, production: Open) -> None:
    """A model that is not the recorded one is not copied."""
    lab = make_lab("replaced")
    there = production(lab)
    model_id = lab.records("training")[-1].body["logged_model_id"]
    archive = next(lab.root.glob(f"**/{model_id}/artifacts/model.skops"))
    archive.write_bytes(archive.read_bytes() + b"x")
    with pytest.raises(AirflowFailException, match="in the source is not the recorded one"):
        promote(lab, there)
    assert there.records() == []


@pytest.mark.parametrize("mode", ["audit", "dry_run"])
def test_nothing_goes_over_in_other_modes(make_lab: MakeLab, production: Open, mode: str) -> None:
    """The evidence is gathered, and nothing else."""
    lab = make_lab("replaced")
    there = production(lab)
    assert promote(lab, there, conf={"mode": mode})["moved"] is False
    assert (there.champion(), there.records()) == (None, [])
