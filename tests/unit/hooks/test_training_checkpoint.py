"""States of unfinished trainings: kept without pickle, checked before they are read, refused where they do not fit."""

import json
import pickle
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import SGDClassifier

from airflow_provider_mlops.backends import environment
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.hooks import training_checkpoint as module
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.hooks.training_checkpoint import STALE_DAYS, TrainingCheckpoint, Unsaved


class Told:
    """A log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, text: str, *values: Any) -> None:
        """Keep a line."""
        self.lines.append(text % values)

    warning = info


def opened(root: Path, of: str = "sha256:a", key: str = "ab.live") -> TrainingCheckpoint:
    """Open the states of a training."""
    return TrainingCheckpoint(Storage(str(root)), "model", "events", of, key, (), Told())


def folders(root: Path) -> list[str]:
    """Name what is stored."""
    return sorted(path.parent.name for path in root.glob("checkpoints/model/*/manifest.json"))


def fitted() -> SGDClassifier:
    """Fit a small estimator."""
    rows = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0]})
    return SGDClassifier(random_state=1).fit(rows, [0, 0, 1, 1])


@pytest.mark.parametrize(
    ("state", "file"),
    [
        ({"weights": np.arange(6.0).reshape(2, 3), "file": np.array(["a", "b"])}, "state.npz"),
        ({"epoch": 3, "best": [0.5, None]}, "state.json"),
        (fitted(), "state.skops"),
    ],
    ids=["arrays", "plain", "estimator"],
)
def test_what_is_saved_comes_back(tmp_path: Path, state: Any, file: str) -> None:
    """Arrays, plain values and estimators; the newest state only is kept, and none once the training is recorded."""
    checkpoint = opened(tmp_path)
    assert checkpoint.load() is None
    checkpoint.save(state, 1)
    checkpoint.save(state, 2)

    found = opened(tmp_path)
    saved = found.load()
    assert (saved.step, found.resumed, found.facts()) == (2, 2, {"resumed": {"step": 2, "refused": []}})
    assert (tmp_path / "checkpoints/model/ab.live.000000000002" / file).is_file()
    if isinstance(state, dict):
        np.testing.assert_equal(saved.state, state)
    else:
        np.testing.assert_array_equal(saved.state.coef_, state.coef_)
    assert folders(tmp_path) == ["ab.live.000000000002"]
    checkpoint.part("threshold").save(state, 7)
    checkpoint.remove()
    assert folders(tmp_path) == []


@pytest.mark.parametrize(
    ("state", "step", "words"),
    [
        ({"a": np.array([object()])}, 1, "holds Python objects"),
        ({"a": {1, 2}}, 1, "estimator, arrays alone, or JSON-safe"),
        ({"a": float("nan")}, 1, "estimator, arrays alone, or JSON-safe"),
        ({1: 2}, 1, "must be texts"),
        (print, 1, "cannot be saved"),
        ({"a": 1}, -1, "step=-1"),
        ({"a": 1}, True, "step=True"),
        ({"a": 1}, 1.5, "step=1.5"),
    ],
)
def test_what_cannot_be_saved_is_refused(tmp_path: Path, state: Any, step: Any, words: str) -> None:
    """Nothing is pickled, and nothing half-written is left."""
    with pytest.raises(BadInput, match=words):
        opened(tmp_path).save(state, step)
    assert folders(tmp_path) == []
    assert not list((tmp_path / ".staging").glob("*"))


def test_steps_grow(tmp_path: Path) -> None:
    """A step that was saved before is refused: what it stands for would be another state."""
    opened(tmp_path).save({"epoch": 1}, 3)
    checkpoint = opened(tmp_path)
    assert checkpoint.load() is not None
    for step in (2, 3):
        with pytest.raises(BadInput, match=f"step={step} must be greater than 3"):
            checkpoint.save({"epoch": 1}, step)
    checkpoint.part("threshold").save({"epoch": 1}, 1)
    checkpoint.save({"epoch": 2}, 4)


def test_untrusted_types_are_refused_when_saved(tmp_path: Path) -> None:
    """A state that could not be loaded again is not kept."""
    model = fitted()
    model.hook = Told()
    with pytest.raises(BadInput, match=r"types that are not trusted: .*Told"):
        opened(tmp_path).save(model, 1)
    assert folders(tmp_path) == []


def flip(path: Path) -> None:
    """Change a byte in the middle of a file."""
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2] + bytes([raw[len(raw) // 2] ^ 1]) + raw[len(raw) // 2 + 1 :])


@pytest.mark.parametrize("state", [{"weights": np.ones(3)}, {"epoch": 1}, fitted()], ids=["npz", "json", "skops"])
@pytest.mark.parametrize("file", ["state", "manifest"])
def test_a_changed_state_is_named_and_not_used(tmp_path: Path, state: Any, file: str) -> None:
    """It is removed, the log and the record name it, and the training begins at the beginning."""
    opened(tmp_path).save(state, 4)
    (path,) = tmp_path.glob(f"checkpoints/model/*/{file}.*")
    flip(path)

    checkpoint = opened(tmp_path)
    assert checkpoint.load() is None
    assert "is not used" in checkpoint.log.lines[0]
    (refused,) = checkpoint.facts()["resumed"]["refused"]
    assert refused.startswith("step 4: ")
    assert folders(tmp_path) == []


def test_a_state_of_other_rows_is_not_used(tmp_path: Path) -> None:
    """Rows that were erased meanwhile make it a state of another training."""
    opened(tmp_path).save({"epoch": 1}, 1)
    checkpoint = opened(tmp_path, of="sha256:b")

    assert checkpoint.load() is None
    assert "other rows" in checkpoint.refused[0]


@pytest.mark.parametrize(
    ("was", "words"),
    [
        ({"distributions": {"lightgbm": "4.1.0", "scikit-learn": "now"}}, "lightgbm was 4.1.0, is None"),
        ({"distributions": {"scikit-learn": "1.0.2"}}, "scikit-learn was 1.0.2, is "),
        ({"python": "3.9.1"}, "python was 3.9.1, is "),
        ({"machine": "sparc"}, "machine was sparc, is "),
    ],
    ids=["lightgbm", "scikit-learn", "python", "machine"],
)
def test_a_state_of_another_version_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, was: dict[str, Any], words: str
) -> None:
    """Python, or any library that was imported when it was saved, is another one now: log and record say which."""
    now = environment.versions_now()
    was = {**now, **was, "distributions": {**now["distributions"], **was.get("distributions", {})}}
    was["distributions"] = {
        name: now["distributions"][name] if version == "now" else version
        for name, version in was["distributions"].items()
    }
    with monkeypatch.context() as patch:
        patch.setattr(environment, "version_facts", lambda also: was)
        opened(tmp_path).save({"epoch": 1}, 1)
    checkpoint = opened(tmp_path)

    assert checkpoint.load() is None
    assert words in checkpoint.log.lines[0]
    assert words in checkpoint.facts()["resumed"]["refused"][0]
    assert folders(tmp_path) == []


def test_what_was_imported_since_is_no_other_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry that has loaded more, or has not yet loaded the library that the function imports, goes on."""
    now = environment.versions_now()
    less = {**now, "distributions": {"numpy": now["distributions"]["numpy"], "moto": version("moto")}}
    with monkeypatch.context() as patch:
        patch.setattr(environment, "version_facts", lambda also: less)
        opened(tmp_path).save({"epoch": 1}, 1)

    assert opened(tmp_path).load().step == 1


def test_a_state_of_an_earlier_release_is_not_used(tmp_path: Path) -> None:
    """Nobody knows with which versions it was saved."""
    opened(tmp_path).save({"epoch": 1}, 1)
    forge(tmp_path, versions=None, schema=1)

    checkpoint = opened(tmp_path)
    assert checkpoint.load() is None
    assert checkpoint.refused == ["step 1: another release of this provider has saved it."]


def forge(root: Path, raw: bytes | None = None, **facts: Any) -> None:
    """Change the saved state, or what is said of it, and make all hashes agree, as somebody who writes there could."""
    (path,) = root.glob("checkpoints/model/*/manifest.json")
    said = {**json.loads(path.read_text()), **facts}
    said.pop("hash")
    if raw is not None:
        file = path.parent / said["files"][0]["name"]
        file.write_bytes(raw)
        said["files"][0] |= {"sha256": module.sha256_bytes(raw), "bytes": len(raw)}
    path.write_text(json.dumps({**said, "hash": module.sha256_of(said)}))


class Evil:
    """What unpickling would run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("unpickled"),))


def pickled_array() -> bytes:
    """Return an archive of arrays that holds a pickle."""
    file = BytesIO()
    np.savez(file, **{"=weights": np.array([Evil()], dtype=object)}, allow_pickle=True)
    return file.getvalue()


def vast_array() -> bytes:
    """Return an archive whose array says that it has more values than any machine."""
    header = BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)})
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        archive.writestr("=weights.npy", header.getvalue())
    return file.getvalue()


def whole_archive() -> bytes:
    """Return an archive of arrays."""
    file = BytesIO()
    np.savez(file, **{"=weights": np.ones(100)})
    return file.getvalue()


def foreign_estimator() -> bytes:
    """Return a saved estimator with a type that nobody trusts."""
    model = fitted()
    model.hook = Told()
    return bytes(skops.io.dumps(model))


@pytest.mark.parametrize(
    ("state", "raw"),
    [
        ({"weights": np.ones(3)}, pickled_array()),
        ({"weights": np.ones(3)}, vast_array()),
        ({"weights": np.ones(3)}, pickle.dumps(Evil())),
        ({"weights": np.ones(3)}, whole_archive()[:-40]),
        ({"weights": np.ones(3)}, b""),
        ({"epoch": 1}, b"[" * 100_000),
        ({"epoch": 1}, b"\xff\xfe"),
        (fitted(), foreign_estimator()),
        (fitted(), pickle.dumps(Evil())),
        (fitted(), skops.io.dumps(fitted())[:-40]),
        (fitted(), whole_archive()),
    ],
    ids=[
        "pickle in an array",
        "vast array",
        "pickle",
        "cut archive",
        "nothing",
        "deep JSON",
        "no text",
        "type that is not trusted",
        "pickle for an estimator",
        "cut estimator",
        "another archive",
    ],
)
def test_a_hostile_state_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: Any, raw: bytes) -> None:
    """Though all its hashes agree: nothing is unpickled, it is removed, and the training begins again."""
    monkeypatch.chdir(tmp_path)
    opened(tmp_path).save(state, 1)
    forge(tmp_path, raw)

    checkpoint = opened(tmp_path)
    assert checkpoint.load() is None
    assert len(checkpoint.refused) == 1
    assert folders(tmp_path) == []
    assert not (tmp_path / "unpickled").exists()


def test_a_manifest_that_names_a_file_elsewhere_reads_nothing(tmp_path: Path) -> None:
    """A path out of the folder is no known form of a state."""
    opened(tmp_path).save({"epoch": 1}, 1)
    (path,) = tmp_path.glob("checkpoints/model/*/manifest.json")
    facts = json.loads(path.read_text())
    facts.pop("hash")
    facts["files"][0]["name"] = "../../../secret.json"
    path.write_text(json.dumps({**facts, "hash": module.sha256_of(facts)}))

    checkpoint = opened(tmp_path)
    assert checkpoint.load() is None
    assert checkpoint.refused == ["step 1: its manifest.json was changed."]


def test_states_that_nobody_went_on_with_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of other manifests, after a month; younger ones stay."""
    opened(tmp_path, key="old.live").save({"epoch": 1}, 1)
    later = module.time.time() + STALE_DAYS * 86_400 + 60
    monkeypatch.setattr(module.time, "time", lambda: later)
    opened(tmp_path, key="young.live").save({"epoch": 1}, 1)
    opened(tmp_path).remove()

    assert folders(tmp_path) == ["young.live.000000000001"]


def test_a_forgotten_state(tmp_path: Path) -> None:
    """Where nothing is to be kept, nothing is."""
    Unsaved().save({"epoch": 1}, 1)
    assert Unsaved().load() is None


def test_an_erasure_forgets_what_was_saved_before_it(tmp_path: Path) -> None:
    """Of the dataset's trainings, and of what cannot be read; what was saved afterwards stays."""
    opened(tmp_path, key="before.live").save({"epoch": 1}, 1)
    opened(tmp_path, key="broken.live").save({"epoch": 1}, 1)
    (tmp_path / "checkpoints/model/broken.live.000000000001/manifest.json").write_text("[]")
    other = opened(tmp_path, key="other.live")
    other.dataset = "elsewhere"
    other.save({"epoch": 1}, 1)
    erased = datetime.now(UTC)
    opened(tmp_path, key="after.live").save({"epoch": 1}, 1)
    module.forget_states(Storage(str(tmp_path)), "events", erased)

    assert folders(tmp_path) == ["after.live.000000000001", "other.live.000000000001"]


@pytest.mark.parametrize(
    "text", ["{}", '{"files": []}', '{"files": [3], "hash": 1}', '{"saved": NaN, "files": [{"name": 1, "sha256": 2}]}']
)
def test_a_manifest_of_another_shape_is_a_changed_one(tmp_path: Path, text: str) -> None:
    """Whatever stands there, the training begins again."""
    opened(tmp_path).save({"epoch": 1}, 1)
    (tmp_path / "checkpoints/model/ab.live.000000000001/manifest.json").write_text(text)

    checkpoint = opened(tmp_path)
    assert checkpoint.load() is None
    assert checkpoint.refused == ["step 1: its manifest.json was changed."]


def test_a_manifest_that_nests_without_end_is_no_manifest(tmp_path: Path) -> None:
    """It does not end the task, neither when it is read nor when old states are looked through."""
    opened(tmp_path).save({"epoch": 1}, 1)
    (tmp_path / "checkpoints/model/ab.live.000000000001/manifest.json").write_text("[" * 100_000)

    checkpoint = opened(tmp_path)
    assert checkpoint.load() is None
    assert "is not JSON" in checkpoint.refused[0]
    opened(tmp_path, key="other.live").remove()
