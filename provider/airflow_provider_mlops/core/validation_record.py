"""What a validation asks, as its key and as its record state it, and what its page says at the top."""

from collections.abc import Mapping
from typing import Any

AUTO = "auto"
"""The engine that needs no word in a key."""


def question(snapshot_id: str, suite: str, contract: str | None, engine: str) -> dict[str, str]:
    """Name what is judged and by what: the same question has one verdict.

    :param snapshot_id: the snapshot that is judged.
    :param suite: hash of the suite.
    :param contract: hash of the contract, or ``last``; None where there is none.
    :param engine: what judges.
    :return: content that names the question.
    """
    asked = {"snapshot": snapshot_id, "suite": suite}
    if contract:
        asked["contract"] = contract
    if engine != AUTO:
        asked["engine"] = engine
    return asked


def question_of(body: Mapping[str, Any]) -> dict[str, str]:
    """Read the question that a recorded validation has answered.

    :param body: the record's body; those of early releases name no contract and no engine.
    :return: as `question`.
    """
    return question(body["snapshot_id"], body["suite_hash"], body.get("contract_hash"), body.get("engine", AUTO))


def page_facts(dataset: str, body: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """List what stands at the top of the page of a validation.

    :param dataset: name of the dataset.
    :param body: what is recorded of the validation.
    :return: names and values; what there is not is left out.
    """
    aside = body["quarantine"] or {}
    facts = (
        ("Dataset", dataset),
        ("Partition", body["partition_key"]),
        ("Rows", body["rows"]),
        ("Rows set aside", aside.get("rows")),
        ("Rows set aside lie in", aside.get("uri")),
        ("Snapshot", body["snapshot_id"]),
        ("Accepted snapshot", body["accepted_snapshot_id"]),
        ("Suite", body["suite"]),
        ("Contract", body["contract"]),
    )
    return [(name, value) for name, value in facts if value is not None]
