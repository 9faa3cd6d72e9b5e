"""One changed byte anywhere in the evidence of a finished lifecycle is found and named, by one command."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.hooks.checkpoint import kept_checkpoints
from airflow_provider_mlops.hooks.evidence_audit import Audit, Audited, run_audit
from airflow_provider_mlops.hooks.ledger import LedgerHook
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.storage import Storage
from tests.support.command import run_command
from tests.support.finished import finish
from tests.support.lab import DATABASE, Lab, Stages


def is_evidence(parts: tuple[str, ...]) -> bool:
    """Tell evidence from what the docs list as none: the registry's database, drawings in its runs, hidden files.

    Nothing was judged by the retrain policy.
    """
    drawn = parts[0] == "mlruns" and parts[2] != "models"
    return not (drawn or parts[0] in (DATABASE, "retrain.yaml") or any(part.startswith(".") for part in parts))


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
    """Records, rows, scores, logs, labels, reports, pages, certificates, cards, tombstones, profiles, model, rules."""
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
