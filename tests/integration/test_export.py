"""The export for an auditor: complete, the same bytes each time, checked without this project, no change unseen."""

import io
import json
import re
import subprocess
import sys
import zipfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_mlops.cli.ledger_export import export
from airflow_provider_mlops.core.canonical import canonical_json, sha256_bytes, sha256_of
from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.hooks.export import export_model
from airflow_provider_mlops.hooks.ledger import dataset_ledger, model_ledger
from airflow_provider_mlops.hooks.storage import Storage
from tests.conftest import MakeLab
from tests.support.keys import private_pem, signing_key
from tests.support.lab import Lab

CONNECTION = "AIRFLOW_CONN_MLOPS_LEDGER_DEFAULT"


@pytest.fixture
def promoted(make_lab: MakeLab) -> Lab:
    """A champion for the second month, a candidate for the third, and a card."""
    lab = make_lab("challenged")
    run_id = lab.ledger().records("training")[0].body["mlflow_run_id"]
    lab.client.log_text(run_id, "# A model", "model_card/1/model_card.md")
    lab.client.log_text(run_id, "{}", "model_card/1/model_card.json")
    body = {"uri": f"runs:/{run_id}/model_card/1", "page_sha256": sha256_bytes(b"# A model").removeprefix("sha256:")}
    lab.ledger().append(kind="model_card", key="card", body=body)
    return lab


@pytest.fixture
def signed(promoted: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """The same, signed from now on, with a rotation of the key in between."""
    one, two = (signing_key(name).public for name in ("one", "two"))
    body = {"old_key_id": one.id, "new_key_id": two.id, "public_key": two.pem, "reason": "yearly"}
    for name, public in (("one", ""), ("two", one.pem)):
        value = {"conn_type": "mlops_ledger", "password": private_pem(name), "extra": {"public_keys": public}}
        monkeypatch.setenv(CONNECTION, json.dumps(value))
        for ledger in (model_ledger(promoted.model), dataset_ledger("events")):
            ledger.append(kind="note", key=name, body={"evaluation_id": sha256_of(name)})
            if name == "one":
                ledger.append(kind="key_rotation", key="r", body=body)
    return promoted


def unpacked(data: bytes, folder: Path) -> Path:
    """Unpack an export."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    return folder


def run(verifier: Path, *arguments: object, cwd: Path) -> tuple[int, str]:
    """Run a verifier as an auditor does: isolated, without this project on the path."""
    done = subprocess.run(
        [sys.executable, "-I", str(verifier), *map(str, arguments)],
        cwd=cwd,
        env={"PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def in_process(verifier: Path) -> Callable[[Path], tuple[int, list[str]]]:
    """Load a verifier once, for many runs."""
    names: dict[str, object] = {"__name__": "verify", "__file__": str(verifier)}
    exec(compile(verifier.read_text(), str(verifier), "exec"), names)

    def call(place: Path) -> tuple[int, list[str]]:
        lines: list[str] = []
        code = names["main"]([str(place)], lines.append)  # type: ignore[operator]
        return code, lines

    return call


def test_everything_is_in_it(promoted: Lab, tmp_path: Path) -> None:
    """Records as they lie there, rules under their hash, manifests, the card, and the program; no rows, no models."""
    folder = unpacked(export_model(promoted.model, Storage()), tmp_path / "export")
    ledger = promoted.ledger()
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    policy = ledger.records("gate")[0].body["policy_hash"].removeprefix("sha256:")
    index = json.loads((folder / "index.json").read_text())

    assert {re.sub(r"/.*", "", name) for name in names} == {
        "README.md",
        "cards",
        "index.json",
        "ledger",
        "policies",
        "snapshots",
        "suites",
        "verify.py",
    }
    for record in ledger.records():
        name = f"{ledger.chain}/{record.seq:08d}.json"
        assert (folder / "ledger" / name).read_bytes() == (promoted.storage / "ledger" / name).read_bytes()
    assert sha256_bytes((folder / "policies" / f"{policy}.json").read_bytes()) == f"sha256:{policy}"
    assert (folder / f"cards/{len(ledger.records()):08d}/model_card.md").read_text() == "# A model"
    suite = dataset_ledger("events").records("validation")[0].body["suite_hash"].removeprefix("sha256:")
    assert sha256_bytes((folder / "suites" / f"{suite}.json").read_bytes()) == f"sha256:{suite}"
    cited = {sid.removeprefix("sha256:") for sid in promoted.facts["snapshots"].values()}
    assert {path.stem for path in (folder / "snapshots/events").iterdir()} == cited
    assert set(index["chains"]) == {ledger.chain, "dataset/events"}
    assert index["sealed_by"] is None
    assert not [name for name in names if name.endswith((".parquet", ".skops"))]


def test_the_same_evidence_has_the_same_bytes(signed: Lab) -> None:
    """Whoever exports twice can compare; a new record changes it."""
    first = export_model(signed.model, Storage())
    assert export_model(signed.model, Storage()) == first

    model_ledger(signed.model).append(kind="note", key="more", body={})
    assert export_model(signed.model, Storage()) != first


def test_it_verifies_without_this_project(signed: Lab, tmp_path: Path) -> None:
    """Unpacked or not, by Python alone; what it tells is enough to compare with."""
    data = export_model(signed.model, Storage())
    (tmp_path / "export.zip").write_bytes(data)
    folder = unpacked(data, tmp_path / "export")
    records = signed.ledger().records()

    code, told = run(folder / "verify.py", cwd=tmp_path)
    assert (code, "Everything holds." in told) == (0, True), told
    assert f"{signed.ledger().chain}: {len(records)} records, last hash {records[-1].hash}, " in told
    assert f"2 signed by {signing_key('one').public.id}" in told
    assert run(folder / "verify.py", tmp_path / "export.zip", cwd=tmp_path)[0] == 0
    assert run(folder / "verify.py", "--last-hash", records[3].hash, cwd=tmp_path)[0] == 0
    assert "airflow_provider_mlops" not in (folder / "verify.py").read_text()


def test_an_auditors_own_key_decides(signed: Lab, tmp_path: Path) -> None:
    """The keys in the export could have been exchanged: one that was handed over earlier could not."""
    folder = unpacked(export_model(signed.model, Storage()), tmp_path / "export")
    for name in ("one", "two", "thief"):
        (tmp_path / f"{name}.pem").write_text(signing_key(name).public.pem)

    # The index is signed by the second key, which the first one brought; the second one vouches for what is older.
    (tmp_path / "both.pem").write_text("".join(signing_key(name).public.pem for name in ("one", "two")))
    for trusted in ("both", "one", "two"):
        code, told = run(folder / "verify.py", "--public-key", tmp_path / f"{trusted}.pem", cwd=tmp_path)
        assert code == 0, (trusted, told)
    code, told = run(folder / "verify.py", "--public-key", tmp_path / "thief.pem", cwd=tmp_path)
    assert code == 1
    assert f"unknown key: it is signed by {signing_key('one').public.id}" in told
    assert run(folder / "verify.py", "--last-hash", "sha256:" + "0" * 64, cwd=tmp_path)[0] == 1


def seal_again(folder: Path, index: dict[str, object]) -> None:
    """Write an index whose own hash fits, without a signature."""
    (folder / "index.dsse.json").unlink(missing_ok=True)
    index |= {"sealed_by": None}
    index["index_hash"] = sha256_of({name: value for name, value in index.items() if name != "index_hash"})
    (folder / "index.json").write_text(canonical_json(index) + "\n")


def test_a_retired_key_seals_nothing(signed: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever found an old key makes no export of today with it, and the newest key vouches for no other's."""
    value = {"conn_type": "mlops_ledger", "password": private_pem("one")}
    monkeypatch.setenv(CONNECTION, json.dumps(value))
    folder = unpacked(export_model(signed.model, Storage()), tmp_path / "export")
    for name in ("one", "two"):
        (tmp_path / "key.pem").write_text(signing_key(name).public.pem)
        code, told = run(folder / "verify.py", "--public-key", tmp_path / "key.pem", cwd=tmp_path)
        assert code == 1
        assert ("retired key" if name == "one" else "unknown key") in told


def test_the_export_says_what_its_end_was_compared_with(
    promoted: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry's checkpoint, where it answers; a chain that was cut is not handed on, the model's or the data's."""
    folder = unpacked(export_model(promoted.model, Storage()), tmp_path / "compared")
    assert "the registry's checkpoint agreed: record" in run(folder / "verify.py", cwd=tmp_path)[1]

    monkeypatch.setenv("AIRFLOW_CONN_MLFLOW_DEFAULT", json.dumps({"conn_type": "mlflow", "host": "http://127.0.0.1:9"}))
    promoted.ledger().folder.joinpath(f"{len(promoted.ledger().records()):08d}.json").unlink()  # the card: in MLflow
    folder = unpacked(export_model(promoted.model, Storage()), tmp_path / "alone")
    code, told = run(folder / "verify.py", cwd=tmp_path)
    assert (code, "truncation was not checked: no registry was asked" in told) == (0, True)

    newest = max(promoted.ledger("dataset/events").folder.glob("*.json"))
    raw = newest.read_bytes()
    newest.unlink()
    with pytest.raises(EvidenceBroken, match=r"cut off: record \d+ of model/late_events names this record"):
        export_model(promoted.model, Storage())
    newest.write_bytes(raw)
    promoted.connect(monkeypatch, host=promoted.host)
    for record in promoted.ledger().records()[-3:]:
        promoted.ledger().folder.joinpath(f"{record.seq:08d}.json").unlink()
    with pytest.raises(EvidenceBroken, match="cut off: the checkpoint names this record"):
        export_model(promoted.model, Storage())


def test_who_has_a_key_takes_nothing_that_is_not_signed(promoted: Lab, tmp_path: Path) -> None:
    """Whoever makes up a whole export leaves the signatures out; an auditor with a key is not fooled by that."""
    folder = unpacked(export_model(promoted.model, Storage()), tmp_path / "export")
    (tmp_path / "one.pem").write_text(signing_key("one").public.pem)
    (tmp_path / "no_key.pem").write_text("a certificate, by mistake")

    assert run(folder / "verify.py", cwd=tmp_path)[0] == 0
    code, told = run(folder / "verify.py", "--public-key", tmp_path / "one.pem", cwd=tmp_path)
    assert code == 1
    assert "PROBLEM index.json: not signed, and --public-key asks for a signature" in told
    code, told = run(folder / "verify.py", "--public-key", tmp_path / "no_key.pem", cwd=tmp_path)
    assert (code, "holds no public key" in told) == (2, True)


def test_records_of_a_chain_that_the_index_leaves_out_are_named(signed: Lab, tmp_path: Path) -> None:
    """A chain that nobody looks at could hold anything."""
    folder = unpacked(export_model(signed.model, Storage()), tmp_path / "export")
    index = json.loads((folder / "index.json").read_text())
    chain = signed.ledger().chain
    del index["chains"][chain]
    seal_again(folder, index)
    code, told = run(folder / "verify.py", cwd=tmp_path)

    assert code == 1
    assert f"PROBLEM ledger/{chain}/00000001.json: it is in no chain of the index" in told
    assert f"PROBLEM ledger/{chain}: the index does not name the model's chain" in told


@pytest.mark.parametrize("place", ["/no/such/folder", "no.zip"])
def test_a_wrong_call_is_told_from_a_finding(promoted: Lab, tmp_path: Path, place: str) -> None:
    """Nothing that can be read is exit code 2, or a problem, never "everything holds"."""
    folder = unpacked(export_model(promoted.model, Storage()), tmp_path / "export")
    code, told = run(folder / "verify.py", place, cwd=tmp_path)

    assert code == 2
    assert "holds" not in told


@pytest.mark.parametrize("lab", ["promoted", "signed"])
def test_every_change_of_any_file_is_found(lab: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Each file in turn: a bit changed, the last byte cut, a space added, removed; and one file more."""
    found: Lab = request.getfixturevalue(lab)
    data = export_model(found.model, Storage())
    pristine = unpacked(data, tmp_path / "pristine")
    folder = unpacked(data, tmp_path / "export")
    verify = in_process(pristine / "verify.py")
    assert verify(folder)[0] == 0

    for path in sorted(item for item in folder.rglob("*") if item.is_file()):
        name, raw = path.relative_to(folder).as_posix(), path.read_bytes()
        middle = len(raw) // 2
        for tampered in (raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :], raw[:-1], raw + b" "):
            path.write_bytes(tampered)
            code, lines = verify(folder)
            assert code == 1, (name, tampered[:80])
            assert any(line.startswith("PROBLEM ") and name in line for line in lines), (name, lines)
        path.unlink()
        assert verify(folder)[0] == 1, name
        path.write_bytes(raw)
    (folder / "ledger" / "extra.json").write_bytes(b"{}")
    assert verify(folder)[0] == 1


def test_a_skilled_forger_is_found_by_the_signatures(signed: Lab, tmp_path: Path) -> None:
    """Hashes, index and all are made to fit; only the key is missing."""
    folder = unpacked(export_model(signed.model, Storage()), tmp_path / "export")
    verify = in_process(folder / "verify.py")
    index = json.loads((folder / "index.json").read_text())
    chain = signed.ledger().chain
    path = folder / "ledger" / chain / f"{index['chains'][chain]['records']:08d}.json"
    record = json.loads(path.read_bytes())
    record["body"]["evaluation_id"] = sha256_of("another")
    record["hash"] = sha256_of({name: value for name, value in record.items() if name not in {"hash", "signature"}})
    path.write_bytes(json.dumps(record, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    index["files"][path.relative_to(folder).as_posix()] = sha256_bytes(path.read_bytes())
    index["chains"][chain]["last_hash"] = record["hash"]
    seal_again(folder, index)
    code, lines = verify(folder)

    assert code == 1
    assert [line for line in lines if line.startswith("PROBLEM")] == [
        f"PROBLEM {path.relative_to(folder).as_posix()}: forged: its signature is that of something else"
    ]


def test_what_is_not_there_any_more_is_named(promoted: Lab, tmp_path: Path) -> None:
    """An erased snapshot has no manifest, an older record no policy: the export says so, and verifies."""
    import shutil

    shutil.rmtree(promoted.snapshot_folders()[0])
    promoted.ledger().append(kind="gate", key="old", body={"policy_hash": sha256_of("old")})
    run_id = promoted.ledger().records("training")[0].body["mlflow_run_id"]
    for uri in ("s3://elsewhere/card", f"runs:/{run_id}/no_card", "runs:/no_run/model_card"):
        promoted.ledger().append(kind="model_card", key=uri, body={"uri": uri})
    folder = unpacked(export_model(promoted.model, Storage()), tmp_path / "export")
    code, told = run(folder / "verify.py", cwd=tmp_path)

    assert code == 0, told
    assert len(re.findall(r"not in this export: manifest of snapshot sha256:", told)) == 1
    assert f"policy {sha256_of('old')}: the records hold its hash only" in told
    assert told.count("model card of record") == 3


def test_a_card_that_was_changed_is_not_handed_on(promoted: Lab) -> None:
    """The record holds the hash of its page."""
    run_id = promoted.ledger().records("training")[0].body["mlflow_run_id"]
    promoted.client.log_text(run_id, "# A better model", "model_card/1/model_card.md")
    with pytest.raises(EvidenceBroken, match=r"model_card\.md is not the card that record"):
        export_model(promoted.model, Storage())


# --- the command


def arguments(lab: Lab, output: Path, model: str = "") -> Namespace:
    """Return what the parser gives the command."""
    return Namespace(
        model=model or lab.model,
        output=str(output),
        mlflow_conn_id="mlflow_default",
        storage_root=str(lab.storage),
        ledger_root=str(lab.storage / "ledger"),
    )


def test_the_command_writes_the_file(promoted: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whole, with its hash told, and nothing beside it."""
    output = tmp_path / "evidence.zip"
    export(arguments(promoted, output))

    assert sha256_bytes(output.read_bytes()) in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["evidence.zip"]


def test_nothing_is_overwritten(promoted: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An earlier export may be with the auditor."""
    output = tmp_path / "evidence.zip"
    output.write_text("mine")
    with pytest.raises(SystemExit) as caught:
        export(arguments(promoted, output))

    assert (caught.value.code, output.read_text()) == (2, "mine")
    assert "does not overwrite" in capsys.readouterr().err


def test_an_unknown_model_is_a_wrong_call(promoted: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a model without records nor one that is no name leaves a file."""
    for model in ("other", "../x"):
        with pytest.raises(SystemExit) as caught:
            export(arguments(promoted, tmp_path / "evidence.zip", model))
        assert caught.value.code == 2
    assert "'other' has no record" in capsys.readouterr().err
    assert not (tmp_path / "evidence.zip").exists()


def test_a_broken_chain_is_not_handed_on(promoted: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the model's nor that of its data."""
    path = promoted.storage / "ledger/dataset/events/00000002.json"
    raw = path.read_bytes()
    path.unlink()
    path.write_bytes(raw.replace(b'"outcome":"PASS"', b'"outcome":"FAIL"', 1))
    with pytest.raises(SystemExit) as caught:
        export(arguments(promoted, tmp_path / "evidence.zip"))

    assert caught.value.code == 1
    assert "00000002.json: edited" in capsys.readouterr().err
    assert not (tmp_path / "evidence.zip").exists()


def test_the_verifier_says_when_it_cannot_check_signatures(signed: Lab, tmp_path: Path) -> None:
    """Without the library the answer is not "everything holds"."""
    folder = unpacked(export_model(signed.model, Storage()), tmp_path / "export")
    blocked = tmp_path / "blocked.py"
    blocked.write_text(
        f"import sys, runpy\nsys.modules['cryptography'] = None\nsys.argv = ['verify.py', {str(folder)!r}]\n"
        f"runpy.run_path({str(folder / 'verify.py')!r}, run_name='__main__')\n"
    )
    code, told = run(blocked, cwd=tmp_path)

    assert code == 1
    assert "install the library 'cryptography'" in told
