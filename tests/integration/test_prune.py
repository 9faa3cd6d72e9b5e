"""Pruning the snapshots of a whole lifecycle."""

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops import sources
from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.evidence import accepted_snapshots
from airflow_provider_mlops.hooks.rows import read_rows
from airflow_provider_mlops.hooks.storage import Storage
from tests.conftest import MakeLab
from tests.support.command import KilledError, killed_at, run_command
from tests.support.lab import DATASET, SYNTHETIC, Lab, Stages, copy_lab

OLD = "2019-12"
CHAIN = f"dataset/{DATASET}"


@pytest.fixture(scope="module")
def kept(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A champion for the second of three months; nobody needs the month before them."""
    lab = stages.copy("promoted", tmp_path_factory.mktemp("kept") / "lab")
    with pytest.MonkeyPatch.context() as monkeypatch:
        lab.enter(monkeypatch)
        lab.facts["old"] = lab.accept(OLD)
    return lab


@pytest.fixture
def lab(kept: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A copy of it."""
    lab = copy_lab(kept, tmp_path / "lab")
    lab.enter(monkeypatch)
    return lab


def folders(lab: Lab) -> set[str]:
    """The snapshots that are stored."""
    return {folder.name for folder in lab.snapshot_folders()}


def prune(*words: str) -> int:
    """Prune the dataset, keeping the newest partition."""
    return run_command("snapshots", "prune", DATASET, "--keep", "1", *words)


def digits(lab: Lab) -> str:
    """The folder of the snapshot that nobody needs."""
    return str(lab.facts["old"]).removeprefix("sha256:")


def test_the_plan_says_why_each_stays_and_changes_nothing(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """What the champion was trained and tested on stays, with the newest partition."""
    before = folders(lab)
    assert prune() == 0
    shown = " ".join(capsys.readouterr().out.split())

    assert folders(lab) == before
    assert f"would go {digits(lab)[:12]}" in shown
    assert "stays" in shown
    assert "champion, candidate, golden of late_events (version 1)" in shown
    assert "the newest partition" in shown
    assert "Nothing was changed; --yes removes them." in shown
    assert lab.records("pruning", CHAIN) == []


def test_pruned_is_gone_and_recorded(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """The record names what went; a second call finds nothing; the partition has no accepted snapshot any more."""
    before = folders(lab)
    assert prune("--yes", "--json") == 0
    (shown,) = json.loads(capsys.readouterr().out)
    (record,) = lab.records("pruning", CHAIN)

    assert before - folders(lab) == {digits(lab)}
    assert shown["record"] == record.hash
    assert [item["snapshot_id"] for item in record.body["snapshots"]] == [lab.facts["old"]]
    assert OLD not in accepted_snapshots(lab.ledger(CHAIN).records())
    assert prune("--yes") == 0
    assert len(lab.records("pruning", CHAIN)) == 1
    with pytest.raises(EvidenceBroken, match=r"was pruned on .* Take the partition again"):
        read_rows(Storage(), DATASET, [{"snapshot_id": lab.facts["old"]}])


def test_a_pruned_partition_can_be_taken_again(lab: Lab) -> None:
    """The same rows are the same snapshot, and accepted at once: its verdict still stands."""
    prune("--yes")
    taken = lab.run("snapshot", partition_key=OLD, source=f"{SYNTHETIC}:read_partition")

    assert taken["snapshot_id"] == lab.facts["old"]
    assert accepted_snapshots(lab.ledger(CHAIN).records())[OLD] == lab.facts["old"]
    assert digits(lab) in folders(lab)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(4))
def test_a_killed_pruning_is_finished_by_the_next(lab: Lab, number: int, after: bool) -> None:
    """Before and after each side effect; nothing is recorded twice, nothing is left."""
    with killed_at(number, after=after) as seen, pytest.raises(KilledError):
        prune("--yes")
    assert len(seen) >= number

    assert prune("--yes") == 0

    assert len(lab.records("pruning", CHAIN)) == 1
    assert digits(lab) not in folders(lab)
    assert [path for path in (lab.storage / ".removed").rglob("*") if path.is_file()] == []


def test_what_is_taken_while_it_is_pruned_stays(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task takes the same snapshot at each moment of the pruning: what it recorded is there afterwards."""
    from airflow_provider_mlops.hooks import pruning

    real = pruning.remove

    def slow(storage: Any, path: str, is_gone: Any) -> bool:
        def asked() -> bool:
            # The folder is out of sight now; another task takes the partition again.
            lab.run("snapshot", partition_key=OLD, source=f"{SYNTHETIC}:read_partition", run_id="other")
            return bool(is_gone())

        return bool(real(storage, path, asked))

    monkeypatch.setattr(pruning, "remove", slow)
    prune("--yes")

    assert digits(lab) in folders(lab)
    assert accepted_snapshots(lab.ledger(CHAIN).records())[OLD] == lab.facts["old"]


def test_scores_go_with_the_snapshot_that_they_are_about(make_lab: MakeLab) -> None:
    """Only on demand, and never those of the champion."""
    lab = make_lab("promoted")
    lab.judge("2020-03", train_params={"sign": -1})
    refused = lab.records("evaluation")[-1].body["scores_id"]
    lab.accept("2020-04")
    assert prune("--yes", "--scores", "--without-registry") == 0
    left = {folder.parent.name for folder in lab.storage.glob("evaluations/*/*/manifest.json")}
    (record,) = lab.records("pruning", CHAIN)

    assert [item["scores_id"] for item in record.body["scores"]] == [refused]
    assert refused.removeprefix("sha256:") not in left
    assert len(left) == 1


def test_a_registry_that_cannot_be_reached_keeps_everything(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What its aliases need cannot be known; the ledger alone is enough only on demand."""
    lab.connect(
        monkeypatch, host="http://127.0.0.1:9", extra=json.dumps({"retries": 0, "timeout": 1, "verify_tls": True})
    )
    before = folders(lab)
    assert prune("--yes") == 2
    assert "MLflow" in capsys.readouterr().err
    monkeypatch.delenv("AIRFLOW_CONN_MLFLOW_DEFAULT")
    assert prune("--yes", "--mlflow-conn-id", "nowhere") == 2
    assert "--without-registry" in capsys.readouterr().err

    assert folders(lab) == before
    assert prune("--yes", "--without-registry") == 0
    assert folders(lab) != before


def test_an_alias_that_was_moved_by_hand_keeps_its_version(lab: Lab) -> None:
    """The registry says what is live, whatever the ledger thinks."""
    lab.accept("2020-04")
    found = lab.judge("2020-04", train_params={"sign": -1})
    lab.accept("2020-05")
    lab.client.set_registered_model_alias(lab.model, "shadow", found["register"]["version"])
    before = folders(lab)

    assert prune("--yes") == 0

    assert folders(lab) == before


def test_a_broken_chain_prunes_nothing(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the dataset, or of a model that may need its snapshots."""
    before = folders(lab)
    for chain in (f"model/{lab.model}", CHAIN):
        record = Path(lab.ledger(chain).folder) / "00000001.json"
        record.chmod(0o600)
        record.write_text(record.read_text().replace("2020", "2021", 1))
        assert prune("--yes") == 1
        assert "edited" in capsys.readouterr().err

    assert folders(lab) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["prune"], "--keep N"),
        (["prune", "--keep", "1", "--older-than", "3"], "one of the two"),
        (["prune", "--keep", "0"], "at least 1"),
        (["prune", "--older-than", "nan"], "number of days"),
        (["prune", "event", "--keep", "1"], "Did you mean events?"),
        (["prune", "../../etc", "--keep", "1"], "No dataset '../../etc'"),
        (["list", "event"], "Did you mean events?"),
        (["list", "--storage-root", "/nowhere"], "--storage-root is the folder"),
        (["show", "zz"], "no id of a snapshot"),
        (["show", "abc"], "at least its first 4"),
        (["show", "0123456789"], "shows what there is"),
        (["verify"], "or --all"),
        (["verify", "abcd", "--all"], "or --all"),
    ],
)
def test_wrong_calls_are_answered(
    make_lab: MakeLab, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """Exit code 2, and a line that says what was meant or what is allowed."""
    make_lab("accepted")

    assert run_command("snapshots", *words) == 2
    assert said in capsys.readouterr().err


def test_list_and_show_say_what_is_known(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """Partition, size, outcome, whether it is accepted, and who uses it."""
    assert run_command("snapshots", "list", "--json") == 0
    found = {item["partition_key"]: item for item in json.loads(capsys.readouterr().out)}
    assert [found[OLD][key] for key in ("rows", "validation", "accepted", "used_by")] == [800, "PASS", True, []]
    assert "champion, golden of late_events (version 1)" in found["2020-01"]["used_by"]

    assert run_command("snapshots", "list") == 0
    assert "partition" in capsys.readouterr().out
    assert run_command("snapshots", "show", digits(lab)[:10]) == 0
    shown = capsys.readouterr().out
    assert OLD in shown
    assert "row_id" in shown


def test_show_says_what_became_of_it(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """A pruned snapshot is still known."""
    prune("--yes")
    capsys.readouterr()
    assert run_command("snapshots", "show", digits(lab)[:10]) == 0
    assert "was pruned on" in capsys.readouterr().out


def test_verify_names_what_was_changed(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """All, or one."""
    assert run_command("snapshots", "verify", "--all") == 0
    folder = lab.storage / "snapshots" / DATASET / digits(lab)
    file = next(path for path in folder.iterdir() if path.suffix == ".parquet")
    file.write_bytes(file.read_bytes()[:-1])
    capsys.readouterr()

    assert run_command("snapshots", "verify", digits(lab)) == 1
    assert str(file.name) in capsys.readouterr().out
    assert run_command("snapshots", "verify", "--all", "--json") == 1
    assert [item["intact"] for item in json.loads(capsys.readouterr().out)].count(False) == 1


def test_verify_misses_what_is_accepted_and_not_there(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that is gone, or another storage, is not intact; what was pruned is not missed."""
    assert run_command("snapshots", "verify", "--all", "--storage-root", str(tmp_path)) == 1
    assert f"the ledger has it as the accepted snapshot of {OLD}, and it is not stored" in capsys.readouterr().out
    prune("--yes")
    assert run_command("snapshots", "verify", "--all") == 0


def test_nothing_stored_says_where_it_was_looked_for(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No snapshot in the storage, or no dataset in the ledger."""
    assert run_command("snapshots", "list", "--storage-root", str(tmp_path)) == 0
    assert f"No snapshot of {DATASET} is stored in {tmp_path}" in capsys.readouterr().err
    for command in (["list"], ["verify", "--all"]):
        assert run_command("snapshots", *command, "--ledger-root", str(tmp_path)) == 0
        assert f"No dataset is in the ledger in {tmp_path}" in capsys.readouterr().err


def test_a_window_of_another_dataset_keeps_its_members(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """It has no rows of its own: without them it could not be read."""
    window = lab.run("snapshot", dataset="windowed", source=sources.snapshots(DATASET), partition_key="2020-01")
    assert prune("--yes") == 0
    assert digits(lab) in folders(lab)
    assert "member of a window of dataset windowed" in " ".join(capsys.readouterr().out.split())
    assert len(read_rows(Storage(), "windowed", [{"snapshot_id": window["snapshot_id"]}])) == 800


def test_what_was_set_aside_goes_with_what_it_was_set_aside_from(lab: Lab) -> None:
    """And stays with it: an accepted snapshot cannot be explained without its other half."""
    (lab.root / "quarantine.yaml").write_text(
        "name: events\n"
        "expectations:\n"
        "  - type: expect_column_values_to_be_between\n"
        "    kwargs: {column: signal, min_value: -1, max_value: 9}\n"
        "    severity: quarantine\n"
        "quarantine: {max_share: 0.5}\n"
    )
    taken = lab.run("snapshot", partition_key="2019-11")
    lab.run("validate", partition_key="2019-11", snapshot_id=taken["snapshot_id"], suite="quarantine.yaml")

    def left() -> int:
        return len(list(lab.storage.glob("quarantine/*/*/manifest.json")))

    assert left() == 1
    assert run_command("snapshots", "prune", DATASET, "--older-than", "1", "--yes") == 0
    assert left() == 1
    assert prune("--yes") == 0
    assert left() == 0
    assert {item["folder"] for item in lab.records("pruning", CHAIN)[-1].body["snapshots"]} == {
        "snapshots",
        "quarantine",
    }
