"""The card of a version: from evidence alone, the same for the same records, kept with the version."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException
from markdown_it import MarkdownIt

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.operators.card import ModelCardOperator
from tests.conftest import MakeLab
from tests.support.airflow import fake_context
from tests.support.lab import Lab


@pytest.fixture
def promoted(make_lab: MakeLab) -> Lab:
    """A lab with a champion."""
    return make_lab("promoted")


def write(lab: Lab, version: str = "1", **run: Any) -> dict[str, Any]:
    """Write a card."""
    with DAG("lifecycle", schedule=None):
        task = ModelCardOperator(task_id="model_card", model_name=lab.model, version=version)
    context = fake_context(task, lab.root, **run)
    result: dict[str, Any] = task.execute(context)
    lab.xcoms = context["ti"].xcoms
    return result


def folder_of(lab: Lab, result: dict[str, Any]) -> Path:
    """Download a card from MLflow; the storage has the same."""
    _, _, rest = result["mlflow_uri"].partition("runs:/")
    run_id, _, path = rest.partition("/")
    folder, stored = Path(lab.client.download_artifacts(run_id, path)), Path(result["uri"])
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        file.name: file.read_bytes() for file in stored.iterdir()
    }
    return folder


def test_a_card_is_kept_with_the_version_and_recorded(promoted: Lab) -> None:
    """Markdown, JSON and figures; the record, the tag and the description lead to it."""
    result = write(promoted)
    folder = folder_of(promoted, result)
    card = json.loads((folder / "model_card.json").read_text())
    page = (folder / "model_card.md").read_text()
    (record,) = promoted.records("model_card")
    version = promoted.client.get_model_version(promoted.model, "1")

    assert record.hash == result["record"] == version.tags["mlops.model_card"]
    assert sha256_of(card) == record.body["card_hash"]
    assert {"rules.png", "roc.png", "calibration.png"} <= set(record.body["figures"])
    assert all((folder / name).is_file() for name in record.body["figures"])
    assert "The model card is with the MLflow run" in version.description
    assert card["verdict"]["outcome"] == "PASS"
    assert card["data"]["snapshots"][0]["validation"] == "PASS"
    assert [move["kind"] for move in card["moves"]] == ["promotion"]
    assert "| roc\\_auc |" in page
    assert "Not recorded: owner, intended\\_use" in page
    assert "Serving was not tried." in page
    assert record.body["card_hash"] in page


def test_the_same_records_give_the_same_card(promoted: Lab) -> None:
    """Byte for byte, figures too; a retry finds its record, and another act makes another card."""
    first, second = write(promoted), write(promoted, try_number=2)
    assert first == second
    assert len(promoted.records("model_card")) == 1

    promoted.ledger().append(
        kind="promotion",
        key="later",
        body={**promoted.records("promotion")[0].body, "governance": {"owner": "team-a"}},
        run={},
        mode="live",
        outcome="PASS",
    )
    third = write(promoted)
    assert third["card_hash"] != first["card_hash"]
    assert json.loads((folder_of(promoted, third) / "model_card.json").read_text())["governance"]["owner"] == "team-a"


def test_hostile_text_is_shown_and_not_obeyed(promoted: Lab) -> None:
    """Names and reasons come from data and from people."""
    hostile = "<script>alert(1)</script> [x](javascript:1) | `a` \n# Heading ![i](http://evil/x.png)"
    body = {**promoted.records("promotion")[0].body, "reason": hostile, "governance": {"intended_use": hostile}}
    promoted.ledger().append(kind="promotion", key="later", body=body, run={}, mode="live", outcome="PASS")
    result = write(promoted)
    page = (folder_of(promoted, result) / "model_card.md").read_text()
    described = promoted.client.get_model_version(promoted.model, "1").description

    for text, headings in ((page, 1), (described, 0)):
        shown = MarkdownIt("commonmark").enable("table").render(text)
        assert shown.count("<h1>") == headings
        assert "<script" not in shown
        assert "<a " not in shown
        assert "evil" not in "".join(re.findall(r"<img [^>]*>", shown))
        assert "http://" not in text
    assert "&lt;script&gt;alert(1)" in MarkdownIt("commonmark").enable("table").render(page)


def test_scores_that_are_gone_are_a_limit(promoted: Lab) -> None:
    """An old version has a card still, and it says why there is no figure."""
    for manifest in promoted.storage.glob("evaluations/*/*/manifest.json"):
        manifest.unlink()
    folder = folder_of(promoted, write(promoted))

    assert "so there are no figures: Nothing is stored at" in (folder / "model_card.md").read_text()
    assert not list(folder.glob("*.png"))


def test_scores_that_were_changed_are_told_as_such(promoted: Lab) -> None:
    """A card must not say of exchanged scores that they are gone."""
    for part in promoted.storage.glob("evaluations/*/*/*.parquet"):
        part.write_bytes(part.read_bytes()[:-1])
    folder = folder_of(promoted, write(promoted))

    assert "so there are no figures" in (page := (folder / "model_card.md").read_text())
    assert "Nothing is stored" not in page


@pytest.mark.parametrize("run", [{"run_type": "backfill"}, {"conf": {"mode": "dry_run"}}])
def test_nothing_is_written_when_nothing_may_move(promoted: Lab, run: dict[str, Any]) -> None:
    """Audits and dry runs."""
    assert write(promoted, **run)["record"] is None
    assert promoted.records("model_card") == []


@pytest.mark.parametrize(("version", "words"), [("7", "not in the ledger"), ("", "is no version"), ("x", "is no ver")])
def test_a_version_that_the_ledger_does_not_know_has_no_card(promoted: Lab, version: str, words: str) -> None:
    """There is no evidence to write it from."""
    with pytest.raises(AirflowFailException, match=words):
        write(promoted, version)
