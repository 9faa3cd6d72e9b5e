"""Erasing rows of a prediction log: what was profiled of its scores and labels goes with them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops import sources
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks import profile_steps, profiles
from airflow_provider_mlops.hooks.drift_sources import open_current
from airflow_provider_mlops.hooks.profile_store import read_profile
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.statistics.profile import Profile
from tests.conftest import MakeLab
from tests.integration.test_profile_operator import judged, profile_folders, write_policy
from tests.integration.test_profile_storage import erase
from tests.support.lab import DATASET, Lab, Stages, copy_lab

KEY = "2020-03"
WINDOW = "events_window"
KINDS = ("prediction", "confidence", "label")


@pytest.fixture(scope="module")
def served(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """March is scored, its labels are joined, and all of it is profiled."""
    lab = stages.copy("promoted", tmp_path_factory.mktemp("served") / "lab")
    with pytest.MonkeyPatch.context() as monkeypatch:
        lab.enter(monkeypatch)
        write_policy(lab)
        lab.run("score", partition_key=KEY)
        lab.run("labels", partition_key=KEY)
        for kind in KINDS:
            profile(lab, kind)
    return lab


@pytest.fixture
def lab(served: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A copy of it."""
    lab = copy_lab(served, tmp_path / "lab")
    lab.enter(monkeypatch)
    return lab


def profile(lab: Lab, kind: str, **arguments: Any) -> dict[str, Any]:
    """Profile March."""
    found: dict[str, Any] = lab.run("profile", partition_key=KEY, kind=kind, **arguments)
    return found


def drift(lab: Lab, kind: str) -> Record:
    """Judge March by its profiles."""
    return judged(lab, partition_key=KEY, kind=kind)


def stored(lab: Lab) -> list[Profile]:
    """Read every stored profile of the log."""
    storage, found = Storage(), []
    for folder in profile_folders(lab):
        marker = storage.read_marker(folder.relative_to(lab.storage).as_posix())
        if marker["kind"] == "profile" and marker.get("source", {}).get("logs"):
            found.append(read_profile(storage, marker["path"])[0])
    return found


def without(verdict: Record) -> list[str]:
    """Name the partitions whose profiles a verdict missed."""
    (rule,) = verdict.body["verdict"]["rules"]
    keys: list[str] = rule["numbers"]["partition_keys"]
    return keys


def test_profiles_of_scores_and_labels_go_with_the_rows(lab: Lab) -> None:
    """They are named in the record, and missed until the rest is profiled; then the rest is judged."""
    paths = {record.body["path"] for record in lab.records("profile")}
    before = {one.rows for one in stored(lab)}
    erase(lab, f"{KEY}/7")
    (record,) = lab.records("erasure", f"dataset/{DATASET}")
    left = stored(lab)
    missed = {kind: drift(lab, kind) for kind in KINDS}
    made = {kind: profile(lab, kind) for kind in KINDS}
    found = {kind: drift(lab, kind).outcome for kind in KINDS}

    assert (before, left) == ({800}, [])
    assert paths <= set(record.body["profiles"])
    assert {one.outcome for one in missed.values()} == {"INCONCLUSIVE"}
    assert {str(without(one)) for one in missed.values()} == {f"['{KEY}']"}
    assert {one["profiles"][0]["rows"] for one in made.values()} == {799}
    assert "INCONCLUSIVE" not in found.values()
    assert {one.rows for one in stored(lab)} == {799}


def test_a_second_erasure_reaches_what_was_profiled_since(lab: Lab) -> None:
    """What was made of the rest holds rows that are erased later; what is made then outlives the next call."""
    erase(lab, f"{KEY}/7")
    profile(lab, "prediction")
    erase(lab, f"{KEY}/8")
    left = stored(lab)
    again = profile(lab, "prediction")
    erase(lab, f"{KEY}/8")

    assert left == []
    assert again["profiles"][0]["rows"] == 798
    assert profile(lab, "prediction") == again
    assert [one.rows for one in stored(lab)] == [798]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_are_erased_while_they_are_profiled(lab: Lab, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Their profile is stored afterwards: it is never judged, and the next call removes it."""
    shutil.rmtree(lab.storage / lab.records("profile")[KINDS.index(kind)].body["path"])

    @contextmanager
    def slowly(*arguments: Any) -> Iterator[Any]:
        with open_current(*arguments) as columns:
            erase(lab, f"{KEY}/7")
            yield columns

    with monkeypatch.context() as patched:
        patched.setattr(profile_steps, "open_current", slowly)
        late = profile(lab, kind)
    missed = drift(lab, kind)
    kept = [one.rows for one in stored(lab)]
    erase(lab, f"{KEY}/7")
    left = stored(lab)
    made = profile(lab, kind)

    assert late["profiles"][0]["rows"] == 800
    assert (missed.outcome, without(missed)) == ("INCONCLUSIVE", [KEY])
    assert (kept, left) == ([800], [])
    assert made["profiles"][0]["rows"] == 799
    assert drift(lab, kind).outcome != "INCONCLUSIVE"


def test_rows_of_a_window_that_are_erased_while_it_is_profiled(
    make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window keeps its name when rows of its members go: its profile does not, and one of all rows counts no more."""
    lab = make_lab("promoted")
    write_policy(lab)
    source = sources.snapshots(DATASET, include_current=True)
    found = lab.run("snapshot", dataset=WINDOW, partition_key=KEY, source=source, time_column="time")
    lab.run("validate", dataset=WINDOW, partition_key=KEY, snapshot_id=found["snapshot_id"])
    count = profiles.open_columns

    @contextmanager
    def slowly(storage: Storage, dataset: str, *arguments: Any, **more: Any) -> Iterator[Any]:
        with count(storage, dataset, *arguments, **more) as columns:
            yield columns
        if dataset == WINDOW:
            erase(lab, f"{KEY}/7")

    with monkeypatch.context() as patched:
        patched.setattr(profiles, "open_columns", slowly)
        late = lab.run("profile", dataset=WINDOW, partition_key=KEY)
    missed = judged(lab, dataset=WINDOW, partition_key=KEY)
    made = lab.run("profile", dataset=WINDOW, partition_key=KEY)
    audited = lab.run("profile", dataset=WINDOW, partition_key=KEY, run_type="backfill")
    first, second = (record for record in lab.records("profile") if record.mode == "live")
    lab.run("erase", key_column="row_id", keys_file="keys.txt", reason="request 7")

    assert (late["profiles"][0]["rows"], made["profiles"][0]["rows"]) == (2_400, 2_399)
    assert (missed.outcome, without(missed)) == ("INCONCLUSIVE", [KEY])
    assert [one["rows"] for one in audited["profiles"]] == [2_399]
    assert first.body["members"] != second.body["members"]
    assert not (lab.storage / first.body["path"]).exists()
    assert (lab.storage / second.body["path"]).exists()
    assert judged(lab, dataset=WINDOW, partition_key=KEY).outcome != "INCONCLUSIVE"


def test_the_scores_that_froze_the_bins_take_them_along(lab: Lab) -> None:
    """A test row is erased: the bins of its scores go, and all profiles by them."""
    manifest = lab.records("training")[0].body["manifest"]
    tested = next(key for key, one in lab.facts["snapshots"].items() if one == manifest["test"]["snapshot_id"])
    specs = {record.body["spec_path"] for record in lab.records("profile") if record.body["kind"] == "prediction"}
    erase(lab, f"{tested}/7")
    (erasure,) = lab.records("erasure", f"dataset/{DATASET}")
    missed = drift(lab, "prediction")
    profile(lab, "prediction")
    newest = lab.records("profile")[-1]

    assert specs <= set(erasure.body["profiles"])
    assert not any((lab.storage / path).exists() for path in specs)
    assert missed.outcome == "INCONCLUSIVE"
    assert newest.body["spec_path"] not in specs
    assert drift(lab, "prediction").outcome != "INCONCLUSIVE"


def test_an_audit_of_erased_rows_counts_nothing(lab: Lab) -> None:
    """What was lawfully erased is no broken evidence; what is profiled since is counted again."""
    erase(lab, f"{KEY}/7")
    nothing = profile(lab, "prediction", run_type="backfill")
    profile(lab, "prediction")
    again = profile(lab, "prediction", run_type="backfill")

    assert nothing["profiles"] == []
    assert [one["rows"] for one in again["profiles"]] == [799]
    assert lab.records("profile")[-1].outcome == "PASS"
