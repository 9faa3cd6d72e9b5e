"""One changed byte anywhere in the evidence of a finished lifecycle is found and named, by one command."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.hooks.checkpoint import kept_checkpoints
from airflow_provider_mlops.hooks.evidence_audit import Audit, Audited, run_audit
from airflow_provider_mlops.hooks.evidence_models import registry_findings
from airflow_provider_mlops.hooks.ledger import LedgerHook
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.storage import Storage
from tests.support.command import run_command
from tests.support.finished import finish
from tests.support.lab import DATABASE, Lab, Stages


def is_evidence(parts: tuple[str, ...]) -> bool:
    """Tell evidence from what the docs list as none: the registry's database, drawings in runs, hidden files, code."""
    drawn = parts[0] == "mlruns" and parts[2] != "models"
    return not (drawn or parts[0] in (DATABASE, "dags") or any(part.startswith(".") for part in parts))


@pytest.fixture(scope="module")
def lab(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The lifecycle, finished once; each test restores what it changes."""
    lab = finish(stages, tmp_path_factory.mktemp("finished") / "lab")
    with pytest.MonkeyPatch.context() as monkeypatch:
        lab.enter(monkeypatch)
        yield lab


def audited(lab: Lab, below: str = "", *, registry: bool = True, bundle: bool = False) -> Audited:
    """Run the audit."""
    mlflow, hook = MlflowHook(), LedgerHook()
    return run_audit(
        Audit(
            storage=Storage(str(lab.storage)),
            store=hook.store(),
            keys=hook.keys,
            signed=True,
            checkpoints=kept_checkpoints(mlflow)[0] if registry else None,
            registry=mlflow if registry else None,
            bundle=lab.root if bundle else None,
            below=below,
        )
    )


def test_a_finished_lifecycle_is_as_recorded(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is found, nothing is left unchecked, and the exit code is 0."""
    code = run_command("audit", "verify", "--all", "--signed", "--bundle", str(lab.root))
    out = capsys.readouterr().out

    assert (code, "Everything is as recorded" in out) == (0, True), out
    assert "not checked" not in out


def test_a_month_without_a_training_is_no_finding(lab: Lab, tmp_path: Path) -> None:
    """Its record says why nothing was trained; it has no manifest."""
    nothing = Ledger(tmp_path, "model/other").append(
        kind="training", key="k", body={"partition_key": "2020-01"}, outcome="INCONCLUSIVE"
    )

    assert [*registry_findings(MlflowHook(), lab.model, [nothing, *lab.ledger().records()])] == []


def evidence(lab: Lab) -> list[Path]:
    """List every file below the root that proves something."""
    files = (path for path in sorted(lab.root.rglob("*")) if path.is_file())
    return [path for path in files if is_evidence(path.relative_to(lab.root).parts)]


def found(lab: Lab, path: Path) -> list[str]:
    """Run the part of the audit that looks at a file, and return what is said of it."""
    relative = path.relative_to(lab.root)
    top, name = relative.parts[0], path.name
    if top == "storage" and relative.parts[1] != "ledger":
        below = "/".join(relative.parts[1:4])
        told = audited(lab, below, registry=False)
        name = "/".join(relative.parts[1:])
    else:
        told = audited(lab, "no folder", registry=top != "storage" or "model" in relative.parts, bundle=True)
        name = "/".join(relative.parts[-3:]) if top == "storage" else name
    return [str(one) for one in told.findings if name in one.file]


def flip(path: Path) -> None:
    """Change one byte in the middle: of a file of rules one that says something."""
    data = bytearray(path.read_bytes())
    place = data.index(b":") - 1 if path.suffix == ".yaml" else len(data) // 2
    data[place] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    """Lose the last byte."""
    path.write_bytes(path.read_bytes()[:-2] if path.suffix == ".yaml" else path.read_bytes()[:-1])


@pytest.mark.parametrize("change", [flip, cut, Path.unlink], ids=["changed", "cut", "removed"])
def test_every_file_that_was_changed_is_named(lab: Lab, change: Callable[[Path], None]) -> None:
    """Records, rows, scores, logs, labels, reports, pages, certificates, cards, tombstones, profiles, models, rules.

    And what a training has read beside its rows.
    """
    missed, files = [], evidence(lab)
    for path in files:
        before = path.read_bytes()
        path.chmod(0o644)
        change(path)
        if not found(lab, path):
            missed.append(str(path.relative_to(lab.root)))
        path.write_bytes(before)

    assert len(files) > 80
    assert missed == []


def test_a_file_that_was_added_is_named(lab: Lab) -> None:
    """In every folder that holds evidence, and in one of its own; a bundle may hold whatever it likes."""
    missed = []
    folders = {path.parent for path in evidence(lab)} - {lab.root, lab.root / "weights"}
    for folder in sorted([*folders, lab.storage, lab.storage / "snapshots/events", lab.storage / "ledger/model"]):
        added = folder / "added.txt"
        added.write_text("made up")
        if not any("added.txt" in one.file for one in audited(lab, bundle=True).findings):
            missed.append(str(folder.relative_to(lab.root)))
        added.unlink()

    assert len(folders) > 20
    assert missed == []


def odd_pipe(path: Path) -> None:
    """Put a pipe there, on which whoever opens it waits for ever."""
    os.mkfifo(path)


def odd_link(path: Path) -> None:
    """Put a link there that leads nowhere."""
    path.symlink_to(path)


def odd_folder(path: Path) -> None:
    """Put a link there to a folder of evidence."""
    path.symlink_to(path.parent)


@pytest.mark.parametrize("put", [odd_pipe, odd_link, odd_folder])
def test_what_is_neither_file_nor_folder_is_named(lab: Lab, put: Callable[[Path], None]) -> None:
    """Where folders lie, and in one of them; nothing waits for it."""
    (certificate, *_) = (lab.storage / "certificates" / lab.model).iterdir()
    (profile, *_) = (path.parent for path in (lab.storage / "profiles").rglob("manifest.json"))
    for place in (certificate.parent / "odd", certificate / "odd", lab.storage / "profiles" / "odd", profile / "odd"):
        put(place)
        found = [one.file for one in audited(lab, registry=False).findings]
        place.unlink()
        assert found == [place.relative_to(lab.storage).as_posix()]


def test_a_link_that_leads_elsewhere_is_followed(lab: Lab, tmp_path: Path) -> None:
    """What lies there is looked at; storage may be spread over disks."""
    (tmp_path / "made_up").mkdir()
    (tmp_path / "made_up" / "rows").write_text("1")
    link = lab.storage / "certificates" / lab.model / "elsewhere"
    link.symlink_to(tmp_path)
    found = [one.file for one in audited(lab, registry=False).findings]
    link.unlink()

    assert found == [f"certificates/{lab.model}/elsewhere/made_up/rows"]


def test_a_record_that_became_a_folder_is_named(lab: Lab) -> None:
    """It keeps nobody from checking the others."""
    record = sorted((lab.storage / "ledger/model" / lab.model).glob("*.json"))[2]
    before = record.read_bytes()
    record.unlink()
    record.mkdir()
    found = [one.file for one in audited(lab, "no folder", registry=False).findings]
    record.rmdir()
    record.write_bytes(before)

    assert [file.rpartition("/")[2] for file in found] == [record.name]


def test_a_folder_that_no_chain_can_have_is_named(lab: Lab) -> None:
    """It keeps nobody from checking the others."""
    folder = lab.storage / "ledger" / "model" / "two words"
    folder.mkdir()
    (folder / "00000001.json").write_text("{}")
    found = [one.file for one in audited(lab, "no folder", registry=False).findings]
    shutil.rmtree(folder)

    assert found == ["model/two words/00000001.json"]


def test_exchanged_files_are_both_named(lab: Lab) -> None:
    """Two files of a kind that take each other's place: rows, records, pages, whole folders with their manifests."""
    places: dict[tuple[object, str], list[Path]] = {}
    for path in evidence(lab):
        if path.suffix != ".yaml":
            places.setdefault((path.relative_to(lab.root).parts[:3], path.name), []).append(path)
    pairs = [(paths[0], paths[1]) for paths in places.values() if len(paths) > 1]
    records = sorted((lab.storage / "ledger/model").glob("*/*.json"))
    for first, second in [*pairs, (records[1], records[2])]:
        one, other = first.read_bytes(), second.read_bytes()
        if one == other:
            continue
        first.write_bytes(other)
        second.write_bytes(one)
        assert found(lab, first), first
        assert found(lab, second), second
        first.write_bytes(one)
        second.write_bytes(other)

    assert len(pairs) >= 8


def test_what_the_registry_says_is_compared_with_the_ledger(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """An alias that was moved by hand is named with the record that put it elsewhere."""
    lab.client.set_registered_model_alias(lab.model, "champion", "1")
    lab.client.delete_registered_model_alias(lab.model, "champion")
    code = run_command("audit", "verify", "--model", lab.model)
    out = capsys.readouterr().out
    lab.client.set_registered_model_alias(lab.model, "champion", "1")

    assert code == 1
    assert f"models:/{lab.model}@champion: alias: it stands on version None, the ledger has put it on 1" in out
    assert "cited by record" in out


def test_findings_as_json_and_without_the_registry(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """What was not checked is said, and is no finding; a changed file stands there with the record that cites it."""
    (part, *_) = sorted(lab.storage.glob("snapshots/events/*/part-00000.parquet"))
    before = part.read_bytes()
    flip(part)
    code = run_command("audit", "verify", "--model", lab.model, "--no-mlflow", "--json")
    told = json.loads(capsys.readouterr().out)
    part.write_bytes(before)
    (finding,) = told["findings"]

    assert code == 1
    assert lab.root.joinpath("storage", finding["file"]) == part
    assert (finding["what"], "was changed" in finding["problem"]) == ("snapshot", True)
    assert finding["by"].endswith("of dataset/events")
    assert any(line.startswith("models, versions, aliases") for line in told["not_checked"])
    assert set(told["chains"]) == {"dataset/events", f"model/{lab.model}"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Say what to verify"),
        (("--all", "--model", "x"), "Say what to verify"),
        (("--model", "x"), "it has: late_events"),
        (("--all", "--bundle", "nowhere"), "There is no folder 'nowhere'"),
        (("--all", "--mlflow-conn-id", "mlflow_defualt"), "mlflow_defualt"),
        (("--all", "--mlflow-conn-id", "mlflow_default", "--no-mlflow"), "--no-mlflow exclude each other"),
    ],
)
def test_wrong_calls(lab: Lab, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str) -> None:
    """One line, exit code 2."""
    assert lab.storage.is_dir()
    assert run_command("audit", "verify", *words) == 2
    assert message in " ".join(capsys.readouterr().err.split())
