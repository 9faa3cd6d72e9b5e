"""What a check of the evidence did not look at is said; a record that was cut off is found by whatever names it."""

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.core.cited import CitedStorage
from airflow_provider_mlops.core.cited_kinds import CitedFolder
from airflow_provider_mlops.hooks.evidence_audit import Audit, Audited, run_audit
from airflow_provider_mlops.hooks.evidence_unchecked import not_checked
from airflow_provider_mlops.hooks.ledger import LedgerHook
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.storage import Storage
from tests.conftest import MakeLab
from tests.support.command import run_command
from tests.support.finished import CONNECTION, SIGNER
from tests.support.keys import private_pem
from tests.support.lab import DATASET, Lab


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """A lab with a champion."""
    return make_lab("promoted")


def asked(lab: Lab, **words: Any) -> Audit:
    """Ask for everything, but for checkpoints, as somebody leaves it who has removed them."""
    facts: dict[str, Any] = {"checkpoints": {}, "registry": MlflowHook(), **words}
    return Audit(storage=Storage(str(lab.storage)), store=LedgerHook().store(), keys=LedgerHook().keys, **facts)


def cut(lab: Lab, chain: str, kind: str) -> str:
    """Cut a chain off from the newest record of a kind on; return its name, as a path."""
    path = lab.storage / "ledger" / chain
    first = lab.records(kind, chain)[-1].seq
    for record in sorted(path.glob("*.json"))[first - 1 :]:
        record.unlink()
    return chain


def found(lab: Lab) -> list[str]:
    """Return what a check finds."""
    return [str(one) for one in run_audit(asked(lab)).findings]


def test_each_record_of_a_release_is_missed_without_a_checkpoint(lab: Lab) -> None:
    """Promotion, verdict, evaluation, registration, training: tags, versions, models and files prove them."""
    lab.run("card", version="1")
    version, named = f"models:/{lab.model}/1", {}
    for kind in ("model_card", "promotion", "gate", "evaluation", "registration", "training"):
        cut(lab, f"model/{lab.model}", kind)
        named[kind] = found(lab)
        if kind == "registration":
            assert f"{version}: version: no record names it: its record was cut off" in " ".join(named[kind])

    for kind, tag in (("model_card", "mlops.model_card"), ("promotion", "mlops.moved.champion")):
        assert any(f"{version}: tag: {tag} names record sha256:" in one for one in named[kind]), kind
    assert any("tag: mlops.gate_record names record" in one for one in named["gate"])
    assert any(one.startswith("evaluations/") and "no record cites it" in one for one in named["evaluation"])
    # Of a chain that has no record any more the registry and the citations tell nothing: its model does not exist.
    assert named["training"]


def test_a_training_that_was_never_registered_is_missed(make_lab: MakeLab) -> None:
    """The registry keeps no checkpoint of it, but its model lies in the experiment of the one before."""
    lab = make_lab("trained")
    lab.run("train", partition_key="2020-03")
    lost = lab.records("training")[-1].body["logged_model_id"]
    assert found(lab) == []
    cut(lab, f"model/{lab.model}", "training")

    (one,) = found(lab)
    assert one == (
        f"models:/{lost}: model: no record names it: its record was cut off, or a task was killed before it wrote one."
    )


@pytest.mark.parametrize("chain", ["model", "dataset"])
def test_each_half_of_an_erasure_proves_the_other(lab: Lab, chain: str) -> None:
    """Scores were rewritten with the rows: both chains tell of it."""
    keys = lab.root / "keys.txt"
    keys.write_text("2020-02/7\n")
    lab.run("erase", key_column="row_id", keys_file=str(keys), reason="asked for it")
    assert found(lab) == []
    name = cut(lab, {"model": f"model/{lab.model}", "dataset": f"dataset/{DATASET}"}[chain], "erasure")

    assert any(one.startswith(f"{name}: record: it does not hold the") and "erasure" in one for one in found(lab))


def test_what_the_call_leaves_out_is_said(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """No bundle, no signatures, one model, no registry: each in the text and in the JSON."""
    words = ("audit", "verify", "--model", lab.model)
    assert run_command(*words) == 0
    out = capsys.readouterr().out
    total = len(lab.ledger().records())

    assert "Everything that was checked is as recorded." in out
    assert (
        "not checked: policies, suites, contracts, checks and data files in the Dag bundle: --bundle names none" in out
    )
    assert f"not checked: who wrote {total} of {total} records of model/{lab.model}: they are not signed." in out
    assert f"not checked: what lies beside the folders of {lab.model} and its datasets: --all looks there." in out
    assert run_command(*words, "--bundle", str(lab.root), "--no-mlflow", "--json") == 0
    told = json.loads(capsys.readouterr().out)["not_checked"]
    assert not any("--bundle" in line for line in told)
    assert any(line.startswith("models, versions, aliases") for line in told)


def test_signatures_without_a_key_are_not_checked(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are signed, and whoever reads them trusts no key: that is said; with the key it is not."""
    lab = make_lab("accepted")
    connection = {"conn_type": "mlops_ledger", "password": private_pem(SIGNER)}
    monkeypatch.setenv(CONNECTION, json.dumps(connection))
    lab.run("train", partition_key="2020-02")
    with_key = asked(lab)
    monkeypatch.delenv(CONNECTION)
    without = asked(lab)

    told = not_checked(without, run_audit(without), "")
    assert any(f"the signatures of 1 records of model/{lab.model}" in line and "--public-key" in line for line in told)
    assert not any("the signatures of" in line for line in not_checked(with_key, run_audit(with_key), ""))


def test_files_without_a_hash_are_named(lab: Lab) -> None:
    """Their records are of an earlier release: the folder, what it is, and the record."""
    folder = CitedFolder(
        path="reports/events/ab", what="validation report", by="record 2 of dataset/events", proved=False
    )
    everything = Audited(
        chains={},
        cited=CitedStorage({folder.path: folder}, {}),
        findings=[],
        checks={},
        looked_at=frozenset([folder.path]),
        models=[],
    )

    (line,) = not_checked(asked(lab, bundle=Path()), everything, "")
    assert line.startswith("the files of reports/events/ab, a validation report: record 2 of dataset/events names no")
