"""Accepting a drift for a time, by a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.mute import Mute, mute_body
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.hooks.mutes import add_mute, mute_of_request
from airflow_provider_mlops.operators.base import MLOpsOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class MuteDriftOperator(MLOpsOperator):
    """Record that a person accepts a drift until a day: of a feature, a rule or a kind of drift.

    Every verdict shows the mutes that hold. A mute ends by itself, after 90 days at most; ``airflow mlops mute end``
    ends it earlier. Who muted is who triggered the run. The same mute twice is one record.

    :param model_name: name of the registered model. (templated)
    :param until: the last day, ``2013-05-01``, or an instant in ISO 8601; UTC where it names no zone. (templated)
    :param reason: why the drift is accepted; recorded. (templated)
    :param feature: the feature to mute; empty for any. (templated)
    :param rule: the rule of the verdict to mute; empty for any. (templated)
    :param drift_kind: the kind of drift to mute (``feature``, ``prediction``, ``label``, ...); empty for any.
        (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "feature", "rule", "drift_kind", "until", "who", "record"}``.
    """

    template_fields: Sequence[str] = (
        "model_name",
        "until",
        "reason",
        "feature",
        "rule",
        "drift_kind",
        "ledger_root",
    )
    ui_color = "#d6dbdf"

    def __init__(
        self,
        *,
        model_name: str,
        until: str,
        reason: str,
        feature: str | None = None,
        rule: str | None = None,
        drift_kind: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.until = until
        self.reason = reason
        self.feature = feature
        self.rule = rule
        self.drift_kind = drift_kind
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Check what was asked for, and record it."""
        if run.mode is Mode.AUDIT:
            raise AirflowSkipException("An audit mutes nothing.")
        ledger = model_ledger(self.model_name, self.ledger_root)
        record = mute_of_request(ledger.records(), run)
        if record is None:
            body = mute_body(
                until=self.until,
                why=self.reason,
                who=run.triggered_by,
                now=datetime.now(UTC),
                feature=self.feature,
                rule=self.rule,
                drift_kind=self.drift_kind,
            )
            record = add_mute(ledger, body, run)
        mute = Mute.of(record)
        self.log.info("Model %s: %s", self.model_name, mute.words())
        shown = {name: record.body[name] for name in ("feature", "rule", "drift_kind", "until", "who")}
        return {"model_name": self.model_name, **shown, "record": record.hash}
