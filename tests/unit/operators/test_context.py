"""What Airflow's context says: the facts of the run, and the files of the Dag bundle."""

import enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.operators.context import bundle_facts, bundle_file, bundle_root, run_facts
from tests.support.airflow import fake_context


class RunType(enum.Enum):
    """Airflow's run type, as an enumeration."""

    BACKFILL = "backfill_job"


def context(tmp_path: Path, **run: Any) -> Any:
    """Return a context of a task."""
    return fake_context(SimpleNamespace(task_id="step"), tmp_path, **run)


@pytest.mark.parametrize(
    ("run", "mode"),
    [
        ({"run_type": "scheduled"}, Mode.LIVE),
        ({"run_type": "manual"}, Mode.LIVE),
        ({"run_type": "asset_triggered"}, Mode.LIVE),
        ({"run_type": "backfill"}, Mode.AUDIT),
        ({"run_type": "backfill", "conf": {"mode": "live"}}, Mode.LIVE),
        ({"run_type": "scheduled", "conf": {"mode": "dry_run"}}, Mode.DRY_RUN),
        ({"run_type": "scheduled", "conf": {"other": 1}}, Mode.LIVE),
    ],
)
def test_mode_of_a_run(tmp_path: Path, run: dict[str, Any], mode: Mode) -> None:
    """Type and conf of the run decide what it may change."""
    assert run_facts(context(tmp_path, **run)).mode is mode


def test_facts_of_a_run(tmp_path: Path) -> None:
    """Record and tags lead back to the task; a run type that is an enumeration is read as its value."""
    given = context(tmp_path, run_type=RunType.BACKFILL, partition_key="2020-01", try_number=3)
    facts = run_facts(given)
    record = {
        "dag_id": "lifecycle",
        "run_id": "run",
        "task_id": "step",
        "try_number": 3,
        "map_index": -1,
        "partition_key": "2020-01",
        "run_type": "backfill_job",
    }
    assert facts.to_record() == record
    assert facts.to_tags() == {
        **{f"airflow.{name}": str(value) for name, value in record.items()},
        "airflow.url": "http://airflow.example/log",
    }


def test_files_of_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is relative to the bundle, or to the working directory when there is no bundle, or absolute."""
    (tmp_path / "policy.yaml").write_text("")
    given = context(tmp_path)
    assert bundle_file(given, "policy.yaml") == tmp_path / "policy.yaml"
    assert bundle_file(given, str(tmp_path / "policy.yaml")) == tmp_path / "policy.yaml"

    monkeypatch.setattr(type(given["ti"]), "bundle_instance", None)
    monkeypatch.chdir(tmp_path)
    assert bundle_file(given, "policy.yaml") == tmp_path / "policy.yaml"


@pytest.mark.parametrize(
    ("path", "words"), [("", "the path is empty"), ("no.yaml", "'no.yaml' is not in the Dag bundle at")]
)
def test_missing_files_of_the_bundle(tmp_path: Path, path: str, words: str) -> None:
    """A file that is not there is named with the bundle's folder."""
    with pytest.raises(BadInput, match=words):
        bundle_file(context(tmp_path), path)


def test_the_bundle_is_named_with_its_version(tmp_path: Path) -> None:
    """Git bundles have a version, local ones have none; without a bundle the working directory is the root."""
    found = {"ti": SimpleNamespace(bundle_instance=SimpleNamespace(path=tmp_path, name="dags", version="4f2a"))}
    local = {"ti": SimpleNamespace(bundle_instance=SimpleNamespace(path=tmp_path, name="dags", version=None))}

    assert bundle_facts(found) == {"name": "dags", "version": "4f2a"}
    assert bundle_facts(local) == {"name": "dags", "version": None}
    local["ti"].dag_version_id = UUID(int=7)
    assert bundle_facts(local)["dag_version"] == "00000000-0000-0000-0000-000000000007"
    assert bundle_root(found) == tmp_path
    assert bundle_root({"ti": SimpleNamespace()}) == Path.cwd()
