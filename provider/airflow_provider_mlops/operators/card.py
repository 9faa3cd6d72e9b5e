"""Writing the card of a version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.card_page import card_summary
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.evidence import registration_by_version, training_of
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.links.mlflow import ModelCardLink, ModelVersionLink, push_links
from airflow_provider_mlops.operators.base import MLOpsOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

CARD_TAG = "mlops.model_card"
FOLDER = "model_card"
_SHORT = 12


class ModelCardOperator(MLOpsOperator):
    """Write the card of a registered version from the ledgers alone, and keep it with the version.

    Markdown, JSON and figures, which are drawn anew from the stored scores, go to the storage under ``cards/`` and to
    the version's MLflow run under ``model_card/``; the version gets the tag ``mlops.model_card`` and a description.
    What nobody looked at or knows stands among the limits. The same records give the same card, and a retry finds its
    record. In ``audit`` and ``dry_run`` nothing is written.

    :param model_name: name of the registered model. (templated)
    :param version: the version. (templated)
    :param mlflow_conn_id: id of the MLflow connection. (templated)
    :param storage_root: where evaluations and cards lie; default: the option ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "version", "card_hash", "uri", "mlflow_uri", "limits", "record"}``.
    """

    checkpoint_after = True
    template_fields: Sequence[str] = ("model_name", "version", "mlflow_conn_id", "storage_root", "ledger_root")
    operator_extra_links = (ModelCardLink(), ModelVersionLink())
    ui_color = "#e8daef"

    def __init__(
        self,
        *,
        model_name: str,
        version: str,
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.version = version
        self.mlflow_conn_id = mlflow_conn_id
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Build, store, record, and mark the version."""
        from airflow_provider_mlops.hooks.card import card_of, write_card

        if run.mode is not Mode.LIVE:
            return self._result(None, [], None)
        version = str(self.version)
        if not version.isdecimal():
            raise BadInput(f"version={version!r} is no version of a registered model; give its number.")
        ledger = model_ledger(self.model_name, self.ledger_root)
        records = ledger.records()
        card = card_of(self.model_name, version, records, self.ledger_root)
        training = training_of(
            records, self.model_name, registration_by_version(records, self.model_name, version).body["manifest_hash"]
        ).body
        hook, run_id = MlflowHook(self.mlflow_conn_id), training["mlflow_run_id"]
        storage = Storage(self.storage_root, self.ledger_root)
        with storage.staging() as folder, hook.session() as client:
            written = write_card(folder, card, records, storage)
            digits = written["card_hash"].removeprefix("sha256:")
            place = f"{FOLDER}/{digits[:_SHORT]}"
            client.log_artifacts(run_id, str(folder), place)
            uri = storage.publish(folder, f"cards/{self.model_name}/{digits}")
            record = ledger.append(
                kind="model_card",
                key=self.decision_key(run, {"version": version, **written}),
                body={
                    "partition_key": card["partition_key"],
                    "version": version,
                    "model_digest": card["model_facts"]["digest"],
                    "uri": uri,
                    "mlflow_uri": f"runs:/{run_id}/{place}",
                    **written,
                },
                run=run.to_record(),
                mode=run.mode,
            )
            client.set_model_version_tag(self.model_name, version, CARD_TAG, record.hash)
            client.update_model_version(self.model_name, version, description=card_summary(card))
        push_links(
            context,
            version=hook.version_url(self.model_name, version),
            card=hook.artifact_page(training["mlflow_experiment_id"], run_id, f"{place}/model_card.md"),
        )
        self.log.info("The card of version %s has %d limits: %s", version, len(card["limits"]), record.body["uri"])
        for limit in card["limits"]:
            self.log.info("- %s", limit)
        return self._result(record.body, card["limits"], record.hash)

    def _result(self, body: Mapping[str, Any] | None, limits: list[str], record: str | None) -> dict[str, Any]:
        shown = {name: body[name] if body else None for name in ("card_hash", "uri", "mlflow_uri")}
        return {
            "model_name": self.model_name,
            "version": self.version,
            **shown,
            "limits": len(limits),
            "record": record,
        }
