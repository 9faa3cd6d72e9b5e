"""Replaying recorded trainings, and certifying how far they are reproduced."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.certificate import check_require, summary_rows
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.replay import TOLERANCE
from airflow_provider_mlops.core.replay_choice import chosen_trainings, recorded_trainings
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome, Verdict
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.recorded_code import CHOICES, RECORDED, TODAY
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.links.certificate import AuditSummaryLink, CertificateLink, push_certificate
from airflow_provider_mlops.operators.base import MLOpsOperator
from airflow_provider_mlops.operators.context import bundle_root

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_mlops.core.ledger import Ledger
    from airflow_provider_mlops.hooks.replay import Replay

MOST_SHOWN = 24


class ReplayModelOperator(MLOpsOperator):
    """Train, score and judge recorded models again, and issue a certificate for each that says how far it agrees.

    Everything comes from the records: snapshots, parameters and seed by the manifest, the policy by its recorded
    content. The training function is the one of today; where its code or the environment differ from the record, the
    certificate names it. Nothing is registered or moved, whatever the mode. A replay that falls short of ``require``
    fails the task, after its certificate was stored and recorded.

    :param model_name: name of the registered model. (templated)
    :param version: the version to replay; empty for any. (templated)
    :param partition_key: the partition whose trainings to replay, retrainings too; empty for any. (templated)
    :param since: first partition of a range, included; empty for no limit. (templated)
    :param until: last partition of a range, included; empty for no limit. (templated)
    :param require: level that must be reached: ``L0`` (same model), ``L1`` (same predictions), ``L2`` (same metrics),
        ``L3`` (same verdict). (templated)
    :param tolerance: largest absolute difference of a metric that still counts as the recorded one.
    :param from_root: train the bases of a warm or incremental model again too, from the first one on; else the base is
        fetched by its hash. (templated)
    :param code: ``today`` runs the training function as it is now; ``recorded`` that of the recorded commit, which must
        be in the Git repository of the function on this machine and hold what ran, hash by hash; with ``from_root``
        each base by its own commit. (templated)
    :param on_difference: ``fail`` fails the task when a certificate is not PASS, ``record`` leaves it green.
    :param mlflow_conn_id: id of the MLflow connection. (templated)
    :param storage_root: where snapshots, scores and certificates lie; default: ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "certificates", "levels", "outcomes"}``: of more than 24 certificates the first 24.
    """

    checkpoint_after = True
    template_fields: Sequence[str] = (
        "model_name",
        "version",
        "partition_key",
        "since",
        "until",
        "require",
        "from_root",
        "code",
        "mlflow_conn_id",
        "storage_root",
        "ledger_root",
    )
    operator_extra_links = (CertificateLink(), AuditSummaryLink())
    ui_color = "#d6eaf8"

    def __init__(
        self,
        *,
        model_name: str,
        version: str = "",
        partition_key: str = "",
        since: str = "",
        until: str = "",
        require: str = "L1",
        tolerance: float = TOLERANCE,
        from_root: bool | str = False,
        code: str = TODAY,
        on_difference: str = "fail",
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.version = version
        self.partition_key = partition_key
        self.since = since
        self.until = until
        self.require = require
        self.tolerance = tolerance
        self.from_root = from_root
        self.code = code
        self.on_difference = on_difference
        self.mlflow_conn_id = mlflow_conn_id
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Replay one training after the other; a retry finds the certificates of this run."""
        from airflow_provider_mlops.core.audit_summary_page import summary_line
        from airflow_provider_mlops.hooks.audit_summary import summarise_audit

        if self.code not in CHOICES:
            raise BadInput(f"code={self.code!r} must be one of: {', '.join(CHOICES)}.")
        if self.on_difference not in ("fail", "record"):
            raise BadInput(f"on_difference={self.on_difference!r} must be fail or record.")
        replay = self._replay(bundle_root(context))
        ledger = replay.ledger
        chosen = chosen_trainings(
            ledger.records(),
            self.model_name,
            version=str(self.version or ""),
            partition_key=self.partition_key or "",
            since=self.since or "",
            until=self.until or "",
        )
        if not chosen:
            there = sorted({str(r.body["partition_key"]) for r in recorded_trainings(ledger.records())})
            held = f"its trainings are of {', '.join(there[-MOST_SHOWN:])}" if there else "it has none at all"
            raise BadInput(f"Model {self.model_name!r} has no recorded training of what was asked for; {held}.")
        found = []
        for number, training in enumerate(chosen, start=1):
            self.log.info("Training %d of %d.", number, len(chosen))
            record = self._certify(replay, ledger, training, run)
            push_certificate(context, self.model_name, certificate=record)
            found.append(record)
        for line in summary_rows(found):
            self.log.info("%s", line)
        summary = summarise_audit(replay.storage, ledger, self.model_name, run)
        push_certificate(context, self.model_name, certificate=found[-1], summary=summary)
        self.log.info("Summary of the audit: %s", summary_line(summary.body, summary.outcome))
        short = [record for record in found if record.outcome != Outcome.PASS]
        if short and self.on_difference == "fail":
            first = Verdict.from_dict(short[0].body["verdict"])
            raise Refused(f"{len(short)} of {len(found)} replays fall short of {self.require}: {first.summary()}")
        return self._result(found)

    @property
    def _from_root(self) -> bool:
        """What was asked for, which is text where it was rendered."""
        found = {"true": True, "false": False, "": False}.get(str(self.from_root).lower())
        if found is None:
            raise BadInput(f"from_root={self.from_root!r} must be true or false.")
        return found

    def _replay(self, bundle: Path | None = None) -> Replay:
        from airflow_provider_mlops.hooks.replay import Replay

        if not 0 <= self.tolerance < 1:
            raise BadInput(f"tolerance={self.tolerance!r} must be a small number, 0 or more and below 1.")
        return Replay(
            self.model_name,
            model_ledger(self.model_name, self.ledger_root),
            Storage(self.storage_root, self.ledger_root),
            MlflowHook(self.mlflow_conn_id),
            self.log,
            require=check_require(self.require),
            tolerance=self.tolerance,
            from_root=self._from_root,
            code=self.code,
            bundle=bundle,
        )

    def _certify(self, replay: Replay, ledger: Ledger, training: Record, run: RunFacts) -> Record:
        from airflow_provider_mlops.hooks.certificate import issue_certificate, sweep_certificates

        # Of this run: another replay is made anew, a retry finds what was certified already.
        decision: dict[str, Any] = {"of": training.hash, "run": f"{run.dag_id}/{run.run_id}", "require": self.require}
        decision |= {"tolerance": self.tolerance} if self.tolerance != TOLERANCE else {}
        decision |= {"from_root": True} if self._from_root else {}
        decision |= {"code": RECORDED} if self.code == RECORDED else {}
        key = self.decision_key(run, decision)
        if (record := ledger.find(kind="certificate", key=key, mode=run.mode)) is not None:
            self.log.info("Found the certificate of this run: %s.", record.body["uri"])
            sweep_certificates(replay.storage, ledger, self.model_name, key)
            return record
        record = issue_certificate(replay.storage, ledger, replay.certify(training), training, key, run)
        self.log.info("Certificate %s: %s", record.body["certificate_hash"], record.body["uri"])
        return record

    def _result(self, found: Sequence[Record]) -> dict[str, Any]:
        shown = [
            {
                "partition_key": record.body["partition_key"],
                "version": record.body["version"],
                "level": record.body["level"],
                "outcome": record.outcome,
                "record": record.hash,
            }
            for record in found[:MOST_SHOWN]
        ]
        levels = [record.body["level"] for record in found]
        outcomes = [str(record.outcome) for record in found]
        return {
            "model_name": self.model_name,
            "certificates": shown,
            "levels": {level: levels.count(level) for level in sorted(set(levels))},
            "outcomes": {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))},
        }
