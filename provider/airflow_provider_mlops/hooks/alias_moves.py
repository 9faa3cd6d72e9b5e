"""Where an alias stands by the registry and by the ledger, and how a recorded move is carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.alias_moves import RECONCILIATION, latest_move
from airflow_provider_mlops.core.errors import EvidenceBroken, Refused
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.checkpoint import check_checkpoint, keep_checkpoint
from airflow_provider_mlops.hooks.mlflow import MlflowHook

if TYPE_CHECKING:
    from mlflow import MlflowClient

MOVED_TAG = "mlops.moved"
VERDICT_TAG, GATE_TAG = "mlops.verdict", "mlops.gate_record"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of an alias before it is moved.

    :param before: the newest move in the ledger, None when it has never moved the alias.
    :param current: version that holds the alias in the registry; None for none.
    :param champion: version that holds it once every recorded move is carried out: the registry's, but for a move
        that was recorded and not yet made.
    """

    before: Record | None
    current: str | None
    champion: str | None

    @property
    def half_done(self) -> bool:
        """Whether the newest move was recorded and not yet carried out."""
        return self.current != self.champion


def standing(hook: MlflowHook, ledger: Ledger, model: str, alias: str) -> Standing:
    """Read where an alias stands: the ledger first, so that what happens meanwhile shows in the append at the latest.

    :param hook: the MLflow connection.
    :param ledger: the model's ledger.
    :param model: name of the registered model.
    :param alias: the alias.
    :return: what is known.
    :raises EvidenceBroken: when the ledger was cut since its newest record was noted in the registry.
    :raises TransientError: when MLflow cannot be reached.
    """
    from airflow_provider_mlops.backends import mlflow as ml

    before = latest_move(ledger.records(), alias)
    with hook.session() as client:
        check_checkpoint(client, ledger)
        moved = before is None or _was_moved(client, model, before)
        current = ml.alias_version(client, model, alias)
    if before is None or moved or current not in _from(before):
        return Standing(before, current, current)
    return Standing(before, current, before.body["version"])


def carry_out(
    hook: MlflowHook, ledger: Ledger, model: str, record: Record, log: Any, tags: Mapping[str, str] | None = None
) -> None:
    """Carry out a recorded move: safe to repeat, and of two at once the newest in the ledger stays.

    A task that was held up may move the alias after a later move was made; whoever moves looks at the ledger once
    more afterwards, and restores what is newest there.

    :param hook: the MLflow connection.
    :param ledger: the model's ledger.
    :param model: name of the registered model.
    :param record: the move.
    :param log: where the move is told.
    :param tags: further tags of the version that it is about.
    :raises Refused: when the alias is where neither this move nor the one before it has put it.
    :raises TransientError: when MLflow cannot be reached; a retry finishes the move.
    """
    from airflow_provider_mlops.backends import mlflow as ml
    from airflow_provider_mlops.backends import mlflow_registry as registry

    alias, done = record.body["alias"], None
    with hook.session() as client:
        current = ml.alias_version(client, model, alias)
        while (newest := latest_move(ledger.records(), alias) or record).hash != done:
            if newest.hash != record.hash:
                log.info("Record %s moved alias %s after this one: it stays.", newest.hash, alias)
                if done is None and newest.kind != RECONCILIATION:
                    return
            elif current not in (record.body["version"], *_from(record)):
                raise Refused(
                    f"Alias {alias!r} is on {_named(current)}, but the ledger says "
                    f"{_named(record.body['previous_version'])}: something else moved it. Move it back, run "
                    "ReconcileRegistryOperator, or decide anew."
                )
            _move(client, model, newest, current, log)
            facts = (tags or {}) if newest.hash == record.hash else {}
            registry.tag_version(client, model, _about(newest), {**facts, _tag(newest): newest.hash})
            current, done = newest.body["version"], newest.hash
    keep_checkpoint(hook, ledger)


def verdict_tags(gate: Record) -> dict[str, str]:
    """Return what a version's tags say of its verdict: the gate sets them, a promotion makes sure of them.

    :param gate: the gate's record.
    :return: value by tag.
    """
    return {VERDICT_TAG: str(gate.outcome), GATE_TAG: gate.hash}


def _move(client: MlflowClient, model: str, record: Record, current: str | None, log: Any) -> None:
    from airflow_provider_mlops.backends import mlflow as ml
    from airflow_provider_mlops.backends import mlflow_registry as registry

    alias, version = record.body["alias"], record.body["version"]
    if current != version:
        if version is None:
            registry.delete_alias(client, model, alias)
        elif registry.version_tags(client, model, version) is None:
            raise EvidenceBroken(
                f"Version {version} of model {model!r} is not in the registry any more, so alias {alias!r} cannot be "
                "put on it: roll back to another one."
            )
        else:
            ml.set_alias(client, model, alias, version)
    log.info("Alias %s of model %s: %s -> %s.", alias, model, _named(record.body["previous_version"]), _named(version))


def _was_moved(client: MlflowClient, model: str, record: Record) -> bool:
    """Whether a move is done; not so after a kill between its record and the move."""
    from airflow_provider_mlops.backends import mlflow_registry as registry

    tags = registry.version_tags(client, model, _about(record))
    return tags is None or tags.get(_tag(record)) == record.hash  # deleted since: no move to it is under way


def _tag(record: Record) -> str:
    return f"{MOVED_TAG}.{record.body['alias']}"


def _about(record: Record) -> str:
    """The version that carries the mark of a move: where the alias went, or what it was taken from."""
    return str(record.body["version"] or record.body["previous_version"])


def _from(record: Record) -> tuple[str | None, ...]:
    """Where the alias may stand before a move is carried out."""
    return (record.body["previous_version"], record.body.get("alias_was", record.body["previous_version"]))


def _named(version: str | None) -> str:
    return "no version" if version is None else f"version {version}"
