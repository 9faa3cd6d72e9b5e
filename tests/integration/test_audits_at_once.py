"""An audit that meets another audit of the same month, or the live run that promotes its model: both end right."""

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_mlops.hooks.ledger import model_ledger
from tests.conftest import MakeLab
from tests.support.faults import watched
from tests.support.lab import Lab
from tests.support.steps import MORE

POINTS = [pytest.param(number, id=f"{number}-{name}") for number, name in enumerate(MORE["judged_again"].effects)]


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """A lab whose candidate for the third month has passed the gate, and is not champion yet."""
    return make_lab("challenged")


def begun(lab: Lab, run_id: str) -> dict[str, Any]:
    """Audit the third month up to its gate; return what the gate is asked."""
    words: dict[str, Any] = {"run_type": "backfill", "run_id": run_id}
    trained = lab.run("train", partition_key="2020-03", **words)
    evaluated = lab.run("evaluate", manifest_hash=trained["manifest_hash"], **words)
    return {"evaluation_id": evaluated["evaluation_id"], **words}


def at(number: int, act: Callable[[], Any]) -> Callable[[int, str, bool], None]:
    """Return a watcher that does something just before a side effect, once."""
    pending = [act]

    def on_effect(effect: int, name: str, after: bool) -> None:
        if pending and (effect, after) == (number, False):
            pending.pop()()

    return on_effect


def check_evidence(lab: Lab) -> None:
    """Each certificate and summary on record lies there, nothing else does, and the chains are whole."""
    records = model_ledger(lab.model).records()
    names = {"certificate": "certificate_hash", "audit_summary": "summary_hash"}
    cited = {str(r.body[names[r.kind]]).removeprefix("sha256:") for r in records if r.kind in names}
    assert {path.name for path in (lab.storage / "certificates" / lab.model).iterdir()} == cited
    assert list((lab.storage / ".issuing").iterdir()) == []
    assert lab.census()["problems"] == []


@pytest.mark.parametrize("number", POINTS)
def test_a_live_run_promotes_meanwhile(lab: Lab, number: int) -> None:
    """The live run alone moves the alias; the certificate compares with the champion of then."""
    asked = begun(lab, "audit")
    with watched(at(number, lambda: lab.run("promote", gate_record=lab.facts["gate"]["record"]))):
        lab.run("gate", **asked)

    (certificate,) = lab.records("certificate")
    assert (certificate.outcome, certificate.body["level"], certificate.body["version"]) == ("PASS", "L0", "2")
    assert lab.aliases()["champion"] == "2"
    assert [record.mode for record in lab.records("promotion")] == ["live", "live"]
    check_evidence(lab)


@pytest.mark.parametrize("number", POINTS)
def test_another_audit_ends_meanwhile(lab: Lab, number: int) -> None:
    """Both come to the same certificate, each has a record of it, and nothing moves."""
    before = (lab.aliases(), lab.tags())
    one, other = begun(lab, "one"), begun(lab, "other")
    with watched(at(number, lambda: lab.run("gate", **other))):
        lab.run("gate", **one)

    found = lab.records("certificate")
    assert {record.run["run_id"] for record in found} == {"one", "other"}
    assert [(record.outcome, record.body["level"]) for record in found] == [("PASS", "L0")] * 2
    assert len({record.body["certificate_hash"] for record in found}) == 1
    assert (lab.aliases(), lab.tags()) == before
    check_evidence(lab)
