"""The checkpoint in the registry: written by the steps, never back, and what it shows."""

import contextlib
import json
import shutil
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.backends.mlflow_checkpoint import CHECKPOINT_TAG, read_checkpoint, write_checkpoint
from airflow_provider_mlops.cli.ledger_verify import verify
from airflow_provider_mlops.core.checkpoint import Checkpoint
from airflow_provider_mlops.core.citations import citation_problems, citations_in
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.hooks.checkpoint import keep_checkpoint
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from tests.support.keys import private_pem
from tests.support.lab import Lab


def arguments(**given: object) -> Namespace:
    """Return what the parser gives the command, by default without any option."""
    plain = {"chain": None, "public_key": None, "signed": False, "mlflow": False, "no_mlflow": False, "json": False}
    return Namespace(**{**plain, "mlflow_conn_id": None, "ledger_root": None, **given})


def found(lab: Lab, capsys: pytest.CaptureFixture[str], chain: str | None = None) -> dict[str, dict[str, object]]:
    """Check the ledger against the registry, and return what was found by chain."""
    capsys.readouterr()  # what steps have logged
    with contextlib.suppress(SystemExit):
        verify(arguments(chain=chain, json=True))
    return {item["chain"]: item for item in json.loads(capsys.readouterr().out)}


def test_live_steps_keep_the_newest_record(promoted: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """After a promotion the registry names its record; the check agrees, and says of datasets that they have none."""
    newest = promoted.ledger().records()[-1]
    checked = found(promoted, capsys)

    assert newest.kind == "promotion"
    assert read_checkpoint(promoted.client, promoted.model) == Checkpoint(newest.seq, newest.hash)
    assert checked[f"model/{promoted.model}"]["checkpoint"] == {"seq": newest.seq, "hash": newest.hash}
    assert checked["dataset/events"]["checkpoint"] is None
    assert checked["dataset/events"]["end"] == "holds what models cite, up to record 6"
    assert all(item["intact"] for item in checked.values())


def test_registration_and_gate_keep_it_too(judged: Lab) -> None:
    """A refusal that is cut off is missed."""
    newest = judged.ledger().records()[-1]

    assert newest.kind == "gate"
    assert read_checkpoint(judged.client, judged.model) == Checkpoint(newest.seq, newest.hash)


def test_answers_and_retirements_keep_it_too(promoted: Lab) -> None:
    """A human's no, or the end of a version, that is cut off is missed."""
    promoted.run("retire", version="1", drop_champion=True)
    assert read_checkpoint(promoted.client, promoted.model) == newest_of(promoted)

    promoted.run("answer", gate_record=promoted.facts["gate"]["record"])
    assert promoted.ledger().records()[-1].kind == "approval"
    assert read_checkpoint(promoted.client, promoted.model) == newest_of(promoted)


def test_a_retirement_of_a_version_without_an_alias_keeps_it(challenged: Lab) -> None:
    """Otherwise whoever cuts it off has the version back."""
    challenged.run("retire", version="2")
    assert challenged.ledger().records()[-1].kind == "retirement"
    assert read_checkpoint(challenged.client, challenged.model) == newest_of(challenged)


def newest_of(lab: Lab) -> Checkpoint:
    """Return what the checkpoint must name."""
    newest = lab.ledger().records()[-1]
    return Checkpoint(newest.seq, newest.hash)


def test_a_chain_that_was_cut_is_found(promoted: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """The chain by itself looks intact; no step goes on with it."""
    ledger = promoted.ledger()
    last = ledger.folder / f"{len(ledger.records()):08d}.json"
    last.unlink()
    checked = found(promoted, capsys)[f"model/{promoted.model}"]

    assert Ledger(ledger.root, ledger.chain).verify() == []
    cut = f"cut off: the checkpoint names this record, the chain has {len(ledger.records()) - 1}."
    assert checked["problems"] == [f"model/{promoted.model}/{last.name}: {cut}"]
    with pytest.raises(AirflowFailException, match=f"{last.name}: cut off"):
        promoted.run("promote", gate_record=promoted.facts["gate"]["record"])


def test_it_is_said_when_nothing_was_compared(
    promoted: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a registry, with one that is down, or for a ledger of another place: not an error, but not silent."""
    root, chain = str(promoted.storage / "copy"), promoted.ledger().chain
    shutil.copytree(promoted.storage / "ledger", root)
    verify(arguments(ledger_root=root))
    assert "--ledger-root is not the configured ledger" in capsys.readouterr().out
    verify(arguments(ledger_root=root, mlflow=True))
    assert f"{chain}: intact" in capsys.readouterr().out

    promoted.connect(monkeypatch, host="http://127.0.0.1:9")
    verify(arguments())
    out = capsys.readouterr().out
    assert "not signed, truncation not checked\n" in out
    assert "Truncation of models' chains not checked: no checkpoint reachable. MLflow at http://127.0.0.1:9" in out
    with pytest.raises(SystemExit) as caught:
        verify(arguments(mlflow=True))
    assert (caught.value.code, "cannot be asked" in capsys.readouterr().err) == (2, True)

    monkeypatch.delenv("AIRFLOW_CONN_MLFLOW_DEFAULT")
    verify(arguments(chain=chain))
    assert "no checkpoint reachable. The conn_id `mlflow_default` isn't defined" in capsys.readouterr().out


def test_a_datasets_chain_that_was_cut_is_found_by_what_models_cite(
    promoted: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    """A training and a promotion name its newest record; no promotion is built on what is left."""
    chain = promoted.ledger("dataset/events")
    count = len(chain.records())
    checked = found(promoted, capsys)[chain.chain]
    assert (checked["intact"], checked["cited"]) == (True, count)

    (chain.folder / f"{count:08d}.json").unlink()
    for name in (None, chain.chain):
        (problem,) = found(promoted, capsys, name)[chain.chain]["problems"]
        cut = "cut off: record 1 of model/late_events names this record, the chain has"
        assert problem == f"{chain.chain}/{count:08d}.json: {cut} {count - 1}."
    with pytest.raises(AirflowFailException, match=f"{count:08d}.json: cut off: record 1 of model/late_events"):
        promoted.run("promote", gate_record=gate_of_another_policy(promoted))

    for path in chain.folder.glob("*.json"):
        path.unlink()
    assert found(promoted, capsys)[chain.chain]["intact"] is False


def gate_of_another_policy(lab: Lab) -> str:
    """Judge the version anew, so that there is something to promote."""
    text = (lab.root / "policy.yaml").read_text()
    (lab.root / "policy.yaml").write_text(text.replace("0.6}", "0.61}"))
    return str(lab.run("gate", evaluation_id=lab.facts["evaluate"]["evaluation_id"])["record"])


def test_records_of_earlier_releases_cite_snapshots(promoted: Lab) -> None:
    """Their trainings name no record, but the snapshots that they were trained and tested on."""
    training, dataset = promoted.records("training")[0], promoted.ledger("dataset/events").records()
    training.body.pop("dataset_record")
    cited = citations_in([training])
    used = promoted.facts["snapshots"]["2020-02"]

    assert citation_problems("dataset/events", dataset, cited) == []
    (problem,) = citation_problems("dataset/events", dataset[:2], cited)
    assert problem == (
        f"dataset/events/{used}: no record is about this snapshot, which record 1 of model/late_events names."
    )


def test_signatures_that_were_taken_away_are_found(
    promoted: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where public keys are trusted, a chain that is written anew without signatures does not verify by silence."""
    value = {"conn_type": "mlops_ledger", "password": private_pem("one")}
    monkeypatch.setenv("AIRFLOW_CONN_MLOPS_LEDGER_DEFAULT", json.dumps(value))
    verify(arguments(no_mlflow=True))
    assert "not signed although public keys are trusted" in capsys.readouterr().out
    promoted.run("retire", version="1", drop_champion=True)
    chain = promoted.ledger().chain
    records = model_ledger(promoted.model).records()
    assert records[-1].signed_by is not None

    monkeypatch.delenv("AIRFLOW_CONN_MLOPS_LEDGER_DEFAULT")
    for path in promoted.ledger().folder.glob("*.json"):
        path.unlink()
    for record in records:
        Ledger(promoted.storage / "ledger", chain).append(
            kind=record.kind, key=record.key, body=record.body, outcome=record.outcome
        )
    monkeypatch.setenv("AIRFLOW_CONN_MLOPS_LEDGER_DEFAULT", json.dumps(value))
    assert "rewritten: the checkpoint names another hash" in found(promoted, capsys)[chain]["problems"][0]


def test_a_chain_that_was_written_anew_is_found(promoted: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """Every hash fits, but they are others."""
    ledger = promoted.ledger()
    records = ledger.records()
    for path in ledger.folder.glob("*.json"):
        path.unlink()
    for record in records:
        Ledger(ledger.root, ledger.chain).append(
            kind=record.kind, key=record.key, body={**record.body, "note": "better"}, outcome=record.outcome
        )
    (problem,) = found(promoted, capsys)[ledger.chain]["problems"]

    assert problem.endswith(f"{len(records):08d}.json: rewritten: the checkpoint names another hash of it.")


def test_a_chain_that_is_gone_is_found(promoted: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """The registry knows that there was one, whether all chains are checked or this one."""
    chain = promoted.ledger().chain
    for path in promoted.ledger().folder.glob("*.json"):
        path.unlink()

    assert found(promoted, capsys)[chain]["intact"] is False
    assert found(promoted, capsys, chain)[chain]["intact"] is False


def test_a_checkpoint_that_is_none_is_told(promoted: Lab) -> None:
    """Somebody wrote into the tag."""
    promoted.client.set_registered_model_tag(promoted.model, CHECKPOINT_TAG, "99")
    with pytest.raises(EvidenceBroken, match="The checkpoint '99' is not a number and a hash"):
        keep_checkpoint(MlflowHook(), promoted.ledger())


def test_it_never_moves_back(promoted: Lab) -> None:
    """A task that was held up finds a newer one, and leaves it; many at once end with the newest."""
    ledger = promoted.ledger()
    old = Ledger(ledger.root, ledger.chain)
    before = len(old.records())

    def act(number: int) -> None:
        own = Ledger(ledger.root, ledger.chain)
        own.append(kind="drift", key=f"k{number}", body={})
        keep_checkpoint(MlflowHook(), own)

    act(0)
    with ThreadPoolExecutor(1) as pool:  # MLflow's environment variables are those of the process
        list(pool.map(act, range(1, 6)))
    keep_checkpoint(MlflowHook(), old)
    newest = ledger.records()[-1]

    assert newest.seq == before + 6
    assert read_checkpoint(promoted.client, promoted.model) == Checkpoint(newest.seq, newest.hash)


def test_who_overwrites_a_newer_one_repairs_it(promoted: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry has no compare-and-set: a write that came late is seen by its own writer."""
    from airflow_provider_mlops.backends import mlflow_checkpoint

    ledger, late = promoted.ledger(), []

    def overtaken(client: object, model: str, checkpoint: Checkpoint) -> bool:
        if not late:
            late.append(checkpoint)
            other = Ledger(ledger.root, ledger.chain)
            other.append(kind="drift", key="other", body={})
            newest = other.records()[-1]
            write_checkpoint(promoted.client, model, Checkpoint(newest.seq, newest.hash))
        return write_checkpoint(promoted.client, model, checkpoint)

    monkeypatch.setattr(mlflow_checkpoint, "write_checkpoint", overtaken)
    ledger.append(kind="drift", key="mine", body={})
    keep_checkpoint(MlflowHook(), ledger)
    newest = Ledger(ledger.root, ledger.chain).records()[-1]

    assert newest.key == "other"
    assert read_checkpoint(promoted.client, promoted.model) == Checkpoint(newest.seq, newest.hash)


def test_without_a_registered_model_there_is_nothing_to_keep(trained: Lab) -> None:
    """The first step to register one keeps the first checkpoint; a dataset has none."""
    keep_checkpoint(MlflowHook(), trained.ledger())

    assert read_checkpoint(trained.client, trained.model) is None
    with pytest.raises(BadInput, match="Only the ledger of a model"):
        keep_checkpoint(MlflowHook(), trained.ledger("dataset/events"))


@pytest.fixture
def promoted(make_lab: object) -> Lab:
    """A champion for the second month."""
    return make_lab("promoted")  # type: ignore[operator]


@pytest.fixture
def challenged(make_lab: object) -> Lab:
    """A champion, and a candidate that passed the gate."""
    return make_lab("challenged")  # type: ignore[operator]


@pytest.fixture
def judged(make_lab: object) -> Lab:
    """A candidate that passed the gate."""
    return make_lab("judged")  # type: ignore[operator]


@pytest.fixture
def trained(make_lab: object) -> Lab:
    """A trained model that is not registered."""
    return make_lab("trained")  # type: ignore[operator]
