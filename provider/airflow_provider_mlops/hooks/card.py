"""Making a model card: from the ledgers and the stored scores, into a folder, and from there to MLflow."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_mlops.core.canonical import canonical_json, sha256_of
from airflow_provider_mlops.core.card import build_card
from airflow_provider_mlops.core.card_page import card_markdown
from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.evidence import evaluation_by_id, registration_by_version, training_of
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Verdict
from airflow_provider_mlops.hooks.ledger import dataset_ledger
from airflow_provider_mlops.hooks.storage import MARKER, Storage

PAGE, DATA = "model_card.md", "model_card.json"
NO_FIGURES = "The scores cannot be read, so there are no figures: {why}"


def card_of(model: str, version: str, records: Sequence[Record], ledger_root: str | None) -> dict[str, Any]:
    """Build the card of a version, without figures.

    :param model: name of the registered model.
    :param version: the version.
    :param records: records of the model's ledger.
    :param ledger_root: folder of the ledgers.
    :return: the card.
    :raises Refused: when the ledger does not know the version, or no verdict on it.
    """
    registration = registration_by_version(records, model, version)
    training = training_of(records, model, registration.body["manifest_hash"])
    data = dataset_ledger(training.body["manifest"]["dataset"], ledger_root).records()
    return build_card(model, version, records, data)


def write_card(folder: Path, card: Mapping[str, Any], records: Sequence[Record], storage: Storage) -> dict[str, Any]:
    """Write a card as JSON and Markdown, with its figures, drawn from the stored scores, and a manifest of the hashes.

    :param folder: an empty folder.
    :param card: the card.
    :param records: records of the model's ledger.
    :param storage: where evaluations lie.
    :return: ``card_hash``, ``page_sha256`` and ``figures`` (SHA-256 by file name).
    :raises MissingBackend: when matplotlib is not installed.
    """
    try:
        figures, limits = _draw(folder, card, records, storage), card["limits"]
    except EvidenceBroken as err:
        figures, limits = {}, [*card["limits"], NO_FIGURES.format(why=err)]
    shown = {**card, "limits": limits}
    digest = sha256_of(shown)
    page = card_markdown(shown, digest, figures)
    (folder / DATA).write_text(canonical_json(shown) + "\n", encoding="utf-8")
    (folder / PAGE).write_text(page, encoding="utf-8")
    written = {
        "card_hash": digest,
        "page_sha256": hashlib.sha256(page.encode()).hexdigest(),
        "figures": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in figures},
    }
    (folder / MARKER).write_text(canonical_json(written) + "\n", encoding="utf-8")
    return written


def _draw(folder: Path, card: Mapping[str, Any], records: Sequence[Record], storage: Storage) -> dict[str, str]:
    """Draw the figures anew: what MLflow keeps may have been changed, the scores are proved by their hash."""
    from airflow_provider_mlops.hooks.artifacts import write_evaluation_artifacts, write_gate_artifacts
    from airflow_provider_mlops.hooks.evaluation_page import FIGURES
    from airflow_provider_mlops.hooks.scores_store import recorded_scores

    evaluation = evaluation_by_id(records, card["model"], card["evaluation"]["evaluation_id"]).body
    gate = next(r for r in records if r.hash in {e["hash"] for e in card["evidence"]} and r.kind == "gate")
    with tempfile.TemporaryDirectory(prefix="mlops-card-") as drawn:
        place = Path(drawn)
        scores = recorded_scores(storage, card["model"], evaluation)
        write_evaluation_artifacts(place, evaluation, scores, model_name=card["model"])
        write_gate_artifacts(place, Verdict.from_dict(gate.body["verdict"]), gate.body, model_name=card["model"])
        titles = {"rules.png": "Rules against their bounds", **FIGURES}
        found = {name: title for name, title in titles.items() if (place / name).is_file()}
        for name in found:
            shutil.copyfile(place / name, folder / name)
    return found
