"""What an approval looks at beyond the ledger: the registry, the people who have a part, the pages to show."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_provider_mlops.core.alias_moves import CHAMPION, latest_move
from airflow_provider_mlops.core.approval import judged_since, void_reason
from airflow_provider_mlops.core.approval_policy import Need, approval_need, demand_of
from airflow_provider_mlops.core.approval_question import Question, approval_question
from airflow_provider_mlops.core.approval_records import approvers_of, end_of
from airflow_provider_mlops.core.base import learned_snapshots
from airflow_provider_mlops.core.errors import Refused, TransientError
from airflow_provider_mlops.core.evidence import (
    evaluation_by_id,
    registration_by_version,
    training_of,
    validation_outcomes,
)
from airflow_provider_mlops.core.governance import RISK_TIER, governance_of
from airflow_provider_mlops.core.promotion_evidence import failed_by_others
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Verdict
from airflow_provider_mlops.hooks.checkpoint import keep_checkpoint
from airflow_provider_mlops.hooks.ledger import dataset_ledger, model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook

if TYPE_CHECKING:
    from mlflow import MlflowClient

FIGURES: Mapping[str, str] = {
    "gate/rules.png": "Rules against their bounds",
    "evaluation/slices.png": "Slices",
    "evaluation/roc.png": "Ranking: ROC",
    "evaluation/calibration.png": "Calibration",
    "evaluation/confusion.png": "Confusion",
    "evaluation/predicted.png": "Predicted and true values",
}
_HALF = 20
_log = logging.getLogger(__name__)


def training_behind(records: Sequence[Record], model: str, version: str) -> Record:
    """Find the training of a registered version.

    :param records: records of the model's ledger.
    :param model: name of the model.
    :param version: the version.
    :return: the training record.
    :raises Refused: when the ledger does not know it.
    """
    return training_of(records, model, registration_by_version(records, model, version).body["manifest_hash"])


def risk_tier_of(hook: MlflowHook, model: str, version: str) -> str | None:
    """Read the risk tier from the governance tags of a version, else of its registered model.

    :param hook: the MLflow connection.
    :param model: name of the registered model.
    :param version: the version.
    :return: the tier, None when no tag says it.
    :raises TransientError: when MLflow cannot be reached.
    """
    from airflow_provider_mlops.backends import mlflow_registry as registry

    with hook.session() as client:
        tags = registry.version_tags(client, model, version) or {}
        return governance_of((), tags, registry.model_tags(client, model)).get(RISK_TIER)


def need_of(gate: Record, model: str, hook: MlflowHook) -> Need:
    """Decide whether a human must answer a verdict; the registry is asked only where the policy needs a risk tier.

    :param gate: the gate's record.
    :param model: name of the registered model.
    :param hook: the MLflow connection.
    :return: whether, and why.
    :raises Refused: when no human can help.
    :raises TransientError: when MLflow cannot be reached.
    """
    demand = demand_of(gate.body)
    tier = risk_tier_of(hook, model, gate.body["candidate_version"]) if demand else None
    return approval_need(gate.outcome, demand, tier)


def void_now(
    records: Sequence[Record],
    gate: Record,
    model: str,
    hook: MlflowHook,
    ledger_root: str | None,
    alias: str = CHAMPION,
) -> str | None:
    """Say what has changed since a verdict, by the ledgers and the registry, so that an answer to it is void.

    :param records: records of the model's ledger.
    :param gate: the gate's record.
    :param model: name of the registered model.
    :param hook: the MLflow connection. Where it cannot be reached the ledger says where the alias is: a human's answer
        is not lost for that, and the promotion looks again.
    :param ledger_root: folder of the ledgers.
    :param alias: the alias that is to move.
    :return: one sentence, None when nothing has changed.
    """
    moved = latest_move(records, alias)
    try:
        champion = _holder(hook, model, alias)
    except TransientError as err:
        _log.warning("The registry does not answer, the ledger says where alias %s is: %s", alias, err)
        champion = moved.body["version"] if moved else gate.body["champion_version"]
    training = training_behind(records, model, gate.body["candidate_version"])
    data = dataset_ledger(training.body["manifest"]["dataset"], ledger_root).records()
    outcomes = validation_outcomes(data, learned_snapshots(records, training))
    return void_reason(gate, alias=alias, champion=champion, since=judged_since(records, gate), validations=outcomes)


def keep_answer(hook: MlflowHook, model: str, ledger_root: str | None) -> None:
    """Note in the registry that there is an answer, so that cutting it off shows.

    :param hook: the MLflow connection. Where it cannot be reached a human's answer is not lost for that, and the next
        step that reaches it makes the note.
    :param model: name of the registered model.
    :param ledger_root: folder of the ledgers.
    :raises EvidenceBroken: when the ledger was cut or rewritten.
    """
    try:
        keep_checkpoint(hook, model_ledger(model, ledger_root))
    except TransientError as err:
        _log.warning("The checkpoint of the answer is not written yet: %s", err)


def involved_in(records: Sequence[Record], gate: Record, model: str, starter: str | None) -> dict[str, str]:
    """List who has a part in a candidate, and may not approve it.

    :param records: records of the model's ledger.
    :param gate: the gate's record.
    :param model: name of the registered model.
    :param starter: who started the run that asks; None when nobody did by hand.
    :return: what each name or address did; who is not known is not in it.
    """
    training = training_behind(records, model, gate.body["candidate_version"])
    change = training.body.get("change") or {}
    found = dict.fromkeys(filter(None, (change.get("author"), change.get("email"))), "wrote the change")
    for record, part in ((training, "started the run that trained it"), (gate, "started the run that judged it")):
        if name := record.run.get("triggered_by"):
            found[name] = part
    return {**found, **({starter: "started this run"} if starter else {})}


def question_of(
    records: Sequence[Record], gate: Record, request: Record, need: str, void: str | None, model: str, hook: MlflowHook
) -> Question:
    """Write the question about a verdict, with its comparison, pages and figures.

    :param records: records of the model's ledger.
    :param gate: the gate's record.
    :param request: the record of the question.
    :param need: why a human is asked.
    :param void: why an approval would be void, None when it would not.
    :param model: name of the registered model.
    :param hook: the MLflow connection.
    :return: the question.
    """
    try:
        evaluation = evaluation_by_id(records, model, gate.body["evaluation_id"])
    except Refused:
        evaluation = None
    pages, figures = addresses(hook, records, gate, model)
    for failed in failed_by_others(records, gate):
        need = f"{need} Policy {failed.body.get('policy')} said FAIL to this version (record {failed.seq})."
    allowed, end = approvers_of(request), end_of(request)
    return approval_question(
        model,
        gate,
        evaluation,
        need,
        void,
        approvers=None if allowed is None else [approver.name for approver in allowed],
        groups=request.body["groups"],
        end=None if end is None else f"{end:%Y-%m-%d %H:%M} UTC",
        pages=pages,
        figures=figures,
        drawing=drawing_of(Verdict.from_dict(gate.body["verdict"])),
    )


def addresses(
    hook: MlflowHook, records: Sequence[Record], gate: Record, model: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Find the pages and pictures of a verdict that a browser can open.

    :param hook: the MLflow connection.
    :param records: records of the model's ledger.
    :param gate: the gate's record.
    :param model: name of the registered model.
    :return: addresses of pages and of pictures, by title; both empty where the tracking URI is no web address.
    """
    training = training_behind(records, model, gate.body["candidate_version"]).body
    run_id = training["mlflow_run_id"]
    pages = {
        "MLflow run": hook.run_url(training["mlflow_experiment_id"], run_id),
        "Model version": hook.version_url(model, gate.body["candidate_version"]),
        "The verdict's page": hook.artifact_url(run_id, "gate/verdict.html"),
        "The evaluation's page": hook.artifact_url(run_id, "evaluation/index.html"),
    }
    if not all(pages.values()):
        return {}, {}
    try:
        with hook.session() as client:
            there = _artifacts(client, run_id)
    except TransientError as err:
        _log.warning("The question has no pictures: %s", err)
        return pages, {}
    return pages, {title: hook.artifact_url(run_id, path) for path, title in FIGURES.items() if path in there}


def drawing_of(verdict: Verdict, most: int = 20) -> list[str]:
    """Draw the rules of a verdict against their bounds with letters, each on a scale of its own.

    :param verdict: the verdict.
    :param most: most lines.
    :return: a line for each rule that has an interval: ``|`` is the bound, ``o`` the estimate, right is better.
    """
    from airflow_provider_mlops.statistics.rule_lines import line_of

    lines = [(rule.rule, line.places) for rule in verdict.rules if (line := line_of(rule)) is not None][:most]
    if not lines:
        return []
    width = min(max(len(name) for name, _ in lines), 40)
    drawn = [f"{_plain(name)[:width]:<{width}}  {_line(*places)}" for name, places in lines]
    return [f"{'':<{width}}  {'worse':<{_HALF}}|{'better':>{_HALF}}", *drawn]


def _line(low: float, value: float, high: float) -> str:
    letters = [" "] * (2 * _HALF + 1)
    start, middle, end = (_HALF + round(max(-1.0, min(1.0, place)) * _HALF) for place in (low, value, high))
    for place in range(start, end + 1):
        letters[place] = "-"
    letters[_HALF] = "|"
    letters[middle] = "o"
    return "".join(letters).rstrip()


def _plain(name: str) -> str:
    return name.replace("`", "'")


def _holder(hook: MlflowHook, model: str, alias: str) -> str | None:
    from airflow_provider_mlops.backends import mlflow as ml

    with hook.session() as client:
        return ml.alias_version(client, model, alias)


def _artifacts(client: MlflowClient, run_id: str) -> set[str]:
    return {item.path for folder in ("gate", "evaluation") for item in client.list_artifacts(run_id, folder)}
