"""A year of real flights is reproduced model for model, here and by another Python; and nothing moves."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.flights_year import MONTHS, flights_lab, in_another, live, version_of
from tests.support.lab import Lab, Stages

OTHER = os.environ.get("MLOPS_OTHER_PYTHON", "")
needs_other = pytest.mark.skipif(not OTHER, reason="MLOPS_OTHER_PYTHON names no second environment; make test-across")


@pytest.fixture(scope="module")
def year(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Twelve months went through the lifecycle; the first had nothing to train on."""
    lab = flights_lab(stages.copy("empty", tmp_path_factory.mktemp("year") / "lab"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        lab.enter(monkeypatch)
        live(lab)
    return lab


@pytest.fixture
def lab(year: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """The year, entered."""
    year.enter(monkeypatch)
    return year


def still(lab: Lab) -> dict[str, Any]:
    """Return what a replay must leave as it is."""
    census = lab.census()
    return {name: census[name] for name in ("runs", "models", "versions", "aliases", "tags", "problems")}


def levels(lab: Lab, run_id: str) -> dict[str, tuple[str, str | None]]:
    """Return level and outcome by partition of the certificates of a run."""
    found = [record for record in lab.records("certificate") if record.run["run_id"] == run_id]
    return {record.body["partition_key"]: (record.body["level"], record.outcome) for record in found}


@pytest.mark.timeout(900)
def test_every_month_of_a_year_is_reproduced_on_the_same_machine(lab: Lab) -> None:
    """Snapshot to promotion for twelve months, then all of it again: L0, and no alias or version new."""
    before = still(lab)
    lab.run("replay", run_type="manual", run_id="here", require="L0")

    assert levels(lab, "here") == dict.fromkeys(MONTHS[1:], ("L0", "PASS"))
    here = [record for record in lab.records("certificate") if record.run["run_id"] == "here"]
    assert all(record.body["differences"] == [] for record in here)
    assert len(lab.records("promotion")) >= 2
    assert still(lab) == before


@needs_other
@pytest.mark.timeout(900)
def test_another_python_reproduces_the_year_or_the_certificate_says_why(lab: Lab) -> None:
    """Trained by this interpreter, replayed by another: L1 or better, and what differs is named."""
    before = still(lab)
    in_another(OTHER, "replay", lab, "run_id=elsewhere")

    assert set(levels(lab, "elsewhere")) == set(MONTHS[1:])
    named(lab, "elsewhere")
    assert still(lab) == before


@needs_other
def test_this_python_reproduces_what_another_trained(
    stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other way round."""
    lab = flights_lab(stages.copy("empty", tmp_path / "lab"))
    lab.enter(monkeypatch)
    in_another(OTHER, "live", lab, *MONTHS[:2])
    lab.run("replay", run_type="manual", run_id="back", on_difference="record")

    assert set(levels(lab, "back")) == {MONTHS[1]}
    named(lab, "back")


def named(lab: Lab, run_id: str) -> None:
    """Each certificate is L1 or better, or names the environment; another interpreter is named in any case."""
    here, there = version_of(), version_of(OTHER)
    for record in (one for one in lab.records("certificate") if one.run["run_id"] == run_id):
        told = [item["detail"] for item in record.body["differences"] if item["cause"] == "environment changed"]

        assert record.body["level"] in ("L0", "L1") or told
        assert here == there or any("python was" in detail and here in detail and there in detail for detail in told)
