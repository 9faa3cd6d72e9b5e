"""What the files of a model are made of, without loading any."""

import gzip
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from airflow_provider_mlops.backends import artifact_scan
from airflow_provider_mlops.backends.artifact_scan import pickle_opcodes, scan_model
from airflow_provider_mlops.core.errors import BadInput


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> Any:
        """Name the command."""
        return os.system, ("true",)


EVIL = pickle.dumps(Evil())


def zipped(**members: bytes) -> bytes:
    """Pack members into an archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_", "."), data)
    return buffer.getvalue()


def test_skops_model(tmp_path: Path) -> None:
    """A plain skops archive holds no pickle and no untrusted type; its types are listed."""
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    skops.io.dump(model, tmp_path / "model.skops")
    (tmp_path / "MLmodel").write_text("flavors:\n  sklearn: {}\n")
    found = scan_model(tmp_path)

    assert [(item["path"], item["format"]) for item in found["files"]] == [
        ("MLmodel", "text"),
        ("model.skops", "skops"),
    ]
    assert (found["pickles"], found["untrusted_types"], found["unknown"]) == ([], [], [])
    assert "sklearn.linear_model._logistic.LogisticRegression" in found["types"]


def test_untrusted_type(tmp_path: Path) -> None:
    """A type beyond skops' own list is named."""
    skops.io.dump(FunctionTransformer(func=os.path.join), tmp_path / "model.skops")
    assert scan_model(tmp_path)["untrusted_types"] == ["posixpath.join"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_of_every_protocol(protocol: int) -> None:
    """Whatever its protocol, what imports and calls is found; what only holds data is a pickle too."""
    assert "REDUCE" in pickle_opcodes(pickle.dumps(Evil(), protocol))
    if protocol > 1:
        assert pickle_opcodes(pickle.dumps({"a": [1, 2.0]}, protocol)) == ["PROTO"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("model.pkl", EVIL),
        ("weights.txt", EVIL),
        ("model.bin", b"0123456789" * 9 + EVIL),
        ("broken.bin", EVIL[:-1]),
        ("model.gz", gzip.compress(EVIL)),
        ("twice.gz", gzip.compress(gzip.compress(EVIL))),
        ("model.skops", zipped(schema_json=b"{}", weights_npy=EVIL)),
        ("model.npz", zipped(a_npz=zipped(b_npy=EVIL))),
        ("objects.npy", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # archives hold the time
)
def test_pickle_wherever_it_hides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes | None
) -> None:
    """Another name, bytes before it, compression and archives do not hide a pickle, nor does an array of objects."""
    monkeypatch.setattr(artifact_scan, "_types", lambda _: ([], []))
    if data is None:
        np.save(tmp_path / name, np.array([Evil()], dtype=object), allow_pickle=True)
    else:
        (tmp_path / name).write_bytes(data)
    (found,) = scan_model(tmp_path)["pickles"]

    assert found["path"].startswith(name)
    assert {"GLOBAL", "STACK_GLOBAL"} & set(found["opcodes"])


def test_what_is_no_pickle(tmp_path: Path) -> None:
    """Text, arrays of numbers and random bytes are none; what nobody knows is said to be unknown."""
    noise = np.random.default_rng(1)
    (tmp_path / "MLmodel").write_text("run_id: c.\nmodel: (i.\n")
    np.save(tmp_path / "numbers.npy", noise.normal(size=100_000))
    (tmp_path / "noise.bin").write_bytes(b"\x00" + noise.bytes(1_000_000))
    (tmp_path / "empty").touch()
    found = scan_model(tmp_path)

    assert found["pickles"] == []
    assert found["unknown"] == ["noise.bin"]
    assert {item["path"]: item["format"] for item in found["files"]}["numbers.npy"] == "array"


def test_what_cannot_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link, a bomb, a broken archive and too many files are errors, and none is opened further."""
    (tmp_path / "link").symlink_to("/etc/hostname")
    with pytest.raises(BadInput, match="link of the model is no plain file"):
        scan_model(tmp_path)
    (tmp_path / "link").unlink()

    monkeypatch.setattr(artifact_scan, "MAX_BYTES", 1_000_000)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(2_000_000)))
    with pytest.raises(BadInput, match="hold more than 1,000,000 bytes"):
        scan_model(tmp_path)
    (tmp_path / "bomb.gz").unlink()

    (tmp_path / "model.skops").write_bytes(zipped(schema_json=b"{"))
    with pytest.raises(BadInput, match="types cannot be listed"):
        scan_model(tmp_path)

    monkeypatch.setattr(artifact_scan, "MAX_FILES", 0)
    with pytest.raises(BadInput, match="The model has 1 files"):
        scan_model(tmp_path)
