"""One changed byte of the evidence: the task that reads it fails for good and names the file."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.backends.snapshot_files import file_facts
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.snapshot_manifest import manifest_text
from tests.conftest import MakeLab
from tests.support.lab import Lab
from tests.support.steps import arguments_of

FileOf = Callable[[Lab], Path]


def flip(path: Path) -> None:
    """Change one byte in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def snapshot_of(key: str) -> FileOf:
    """Return where the rows of a month lie."""
    return lambda lab: (
        lab.storage / "snapshots/events" / lab.facts["snapshots"][key].removeprefix("sha256:") / "part-00000.parquet"
    )


def model(lab: Lab) -> Path:
    """Return where MLflow keeps the candidate's archive."""
    return next(lab.root.glob(f"mlruns/**/{lab.facts['train']['logged_model_id']}/**/model.skops"))


def scores(lab: Lab) -> Path:
    """Return where the scores of the evaluation lie."""
    return next(lab.storage.glob("evaluations/*/*/part-00000.parquet"))


CASES = [
    pytest.param("accepted", "validate", snapshot_of("2020-02"), id="validate-snapshot"),
    pytest.param("accepted", "train", snapshot_of("2020-01"), id="train-snapshot"),
    pytest.param("registered", "evaluate", snapshot_of("2020-02"), id="evaluate-snapshot"),
    pytest.param("registered", "evaluate", model, id="evaluate-model"),
    pytest.param("evaluated", "gate", scores, id="gate-scores"),
    pytest.param("drifted", "drift", snapshot_of("2020-04"), id="drift-snapshot"),
    pytest.param("drifted", "drift", snapshot_of("2020-01"), id="drift-reference"),
]


@pytest.mark.parametrize("how", ["changed", "removed"])
@pytest.mark.parametrize(("stage", "step", "file"), CASES)
def test_changed_evidence_is_named(make_lab: MakeLab, stage: str, step: str, file: FileOf, how: str) -> None:
    """A byte that was changed, or a file that is gone, is found before anything is decided on it."""
    lab = make_lab(stage)
    arguments = arguments_of(step, lab)
    path = file(lab)
    before = lab.census()
    if how == "changed":
        flip(path)
    else:
        path.unlink()

    with pytest.raises(AirflowFailException, match=rf"EvidenceBroken: .*{path.name}"):
        lab.run(step, **arguments)
    assert lab.census() == before


def test_snapshot_under_another_name_is_found_out(make_lab: MakeLab) -> None:
    """Rows that were exchanged together with their manifest do not have the id that was asked for."""
    lab = make_lab("accepted")
    first, second = (snapshot_of(key)(lab).parent for key in ("2020-01", "2020-02"))
    for name in ("manifest.json", "part-00000.parquet"):
        (second / name).write_bytes((first / name).read_bytes())

    with pytest.raises(AirflowFailException, match=rf"EvidenceBroken: The rows at {second} have the id"):
        lab.run("validate", **arguments_of("validate", lab))


def test_drift_goes_by_the_manifest_of_the_record(make_lab: MakeLab) -> None:
    """Other rows with a manifest that was sealed anew over them: the ledger's hash of the manifest finds them."""
    lab = make_lab("drifted")
    first, second = (snapshot_of(key)(lab) for key in ("2020-04", "2020-03"))
    manifest = json.loads((first.parent / "manifest.json").read_text())
    first.write_bytes(second.read_bytes())
    kept = {name: value for name, value in manifest.items() if name != "manifest_sha256"}
    kept["files"] = [{**kept["files"][0], **file_facts(first)}]
    (first.parent / "manifest.json").write_text(manifest_text({**kept, "manifest_sha256": sha256_of(kept)}))

    with pytest.raises(AirflowFailException, match=r"EvidenceBroken: The manifest at .* is not the recorded one"):
        lab.run("drift", **arguments_of("drift", lab))


@pytest.mark.parametrize("step", ["train", "register", "evaluate", "gate", "promote", "drift", "claim"])
def test_broken_ledger_stops_every_step(make_lab: MakeLab, step: str) -> None:
    """Nothing is decided, and nothing is added, on a chain with an edited record."""
    lab = make_lab("alarmed")
    record = lab.ledger().folder / "00000002.json"
    flip(record)
    count = len(list(record.parent.iterdir()))

    with pytest.raises(AirflowFailException, match=r"EvidenceBroken: .*00000002\.json"):
        lab.run(step, **arguments_of(step, lab))
    assert len(list(record.parent.iterdir())) == count
