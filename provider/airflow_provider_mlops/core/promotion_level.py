"""The level at promotion: the evaluation that the gate judged when a version became champion."""

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_mlops.core.alias_moves import CHAMPION, PROMOTION, alias_moves
from airflow_provider_mlops.core.record import Record


@dataclass(frozen=True, slots=True)
class PromotionLevel:
    """What a version was promoted on.

    :param evaluation: the evaluation's record; None where there is none.
    :param promotion: the promotion's record; None where there is none.
    :param problem: why there is no evaluation, as a sentence.
    """

    evaluation: Record | None = None
    promotion: Record | None = None
    problem: str = ""


def promotion_level(records: Sequence[Record], manifest_hash: str, version: str) -> PromotionLevel:
    """Find the evaluation that a version was promoted on.

    :param records: records of the model's ledger, oldest first.
    :param manifest_hash: content of the version.
    :param version: the version, for the reason.
    :return: the evaluation, or why there is none.
    """
    gates = {record.hash: record for record in records if record.kind == "gate"}
    moves = [move for move in alias_moves(records, CHAMPION) if move.kind == PROMOTION]
    for promotion in reversed(moves):
        gate = gates.get(promotion.body.get("gate_record_hash", ""))
        found = _evaluation(records, gate.body["evaluation_id"]) if gate is not None else None
        if found is not None and found.body["candidate"]["manifest_hash"] == manifest_hash:
            return PromotionLevel(found, promotion)
    problem = (
        f"Version {version} has no evaluation at promotion (it was adopted, imported, or never promoted by a gate), so "
        "there is no level to compare with: evaluate and promote it with the gate."
    )
    return PromotionLevel(problem=problem)


def _evaluation(records: Sequence[Record], evaluation_id: str) -> Record | None:
    for record in reversed(records):
        if record.kind == "evaluation" and record.mode == "live" and record.body["evaluation_id"] == evaluation_id:
            return record
    return None
