"""Replaying a recorded training: train, score and judge again from what was recorded, and compare every step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.certificate import (
    LAWFUL,
    Cause,
    Difference,
    build_certificate,
    level_reached,
    recorded_facts,
)
from airflow_provider_mlops.core.code_identity import code_files
from airflow_provider_mlops.core.determinism import measured_difference
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.replay import TOLERANCE, Level, compare_training
from airflow_provider_mlops.core.replay_choice import cited_records
from airflow_provider_mlops.core.search import manifest_to_replay
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.hooks.replay_causes import known_differences
from airflow_provider_mlops.hooks.replay_chain import replayed_base
from airflow_provider_mlops.hooks.replay_checks import check_artifact, check_chains, check_data
from airflow_provider_mlops.hooks.replay_scores import compare_gate, compare_metrics, replayed_table
from airflow_provider_mlops.hooks.training import Training, train_from_manifest

if TYPE_CHECKING:
    from airflow_provider_mlops.core.ledger import Ledger
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.fitting import Base
    from airflow_provider_mlops.hooks.mlflow import MlflowHook
    from airflow_provider_mlops.hooks.recorded_code import RecordedCode
    from airflow_provider_mlops.hooks.storage import Storage


@dataclass(slots=True)
class Replay:
    """Replays recorded trainings of one model; nothing is stored, registered or moved.

    :param model: name of the registered model.
    :param ledger: its ledger.
    :param storage: where snapshots and scores lie.
    :param hook: the MLflow connection, for the registered artifact.
    :param log: where progress is told.
    :param require: the level that must be reached.
    :param tolerance: largest absolute difference of a metric that still counts as the recorded one.
    :param from_root: whether the bases of a training are trained again, from the first one on, not fetched by hash.
    """

    model: str
    ledger: Ledger
    storage: Storage
    hook: MlflowHook
    log: Any
    require: Level = Level.L1
    tolerance: float = TOLERANCE
    from_root: bool = False
    _chains: dict[str, list[RuleResult]] = field(default_factory=dict)

    def certify(
        self, training: Record, function: Callable[..., Any], code: RecordedCode | None = None
    ) -> dict[str, Any]:
        """Replay one training and say how far it agrees with its record.

        :param training: the record.
        :param function: the training function as it is now; where its code differs, the certificate says so.
        :param code: the commit that the function is of, where it is not that of today.
        :return: the certificate.
        :raises TransientError: when MLflow or the storage cannot be reached.
        """
        started, records = time.monotonic(), self.ledger.records()
        cited, manifest = cited_records(records, training), manifest_to_replay(training.body)
        self.log.info("Replaying the training of %s (record %d).", manifest["test"]["partition_key"], training.seq)
        checks = [*self._check_chains(manifest["dataset"]), *check_data(self.storage, manifest)]
        checks.append(check_artifact(self.hook, training))
        checks.extend([] if code is None else [code.result()])
        files = code_files(function) if code is None else dict(code.files)
        start = replayed_base(training, records, self.storage, self.hook, self.log, from_root=self.from_root)
        differences = [
            *(Difference(Cause.DATA_MISSING, check.reason) for check in checks if _is_missing(check)),
            *known_differences(self.storage, training, function, records, files, bases_too=self.from_root),
            *start.differences,
        ]
        trained = None if start.missing else self._train(manifest, function, start.base, differences)
        level, compared = Level.NONE, []
        figures: dict[str, Any] = start.figures(from_root=self.from_root)
        if trained is not None:
            level, _ = compare_training(training.body, {**trained.facts(), "code_files": files})
            figures |= {"environment": trained.environment, "rows": trained.rows}
            compared = list(self._compare(cited, trained, records, figures))
            self.log.info("The models agree at %s; %d things are not as recorded.", level, len(differences))
        figures |= recorded_facts(training.body)
        metrics, verdict = (_holds(compared, rule) for rule in ("metrics", "verdict"))
        reached = level_reached(level, metrics, verdict)
        # Whoever asks for the verdict alone allows other metrics.
        must_hold = [result for result in compared if self.require is not Level.L3 or result.rule != "metrics"]
        if any(item.cause in LAWFUL for item in differences):
            must_hold = [_excused(result) for result in must_hold]
        if trained is not None and level is Level.NONE:
            self._explain(training, trained, manifest, function, start.base, differences)
        self.log.info("Replayed in %.1f s: %s.", time.monotonic() - started, reached)
        return build_certificate(
            self.model,
            training,
            cited=cited,
            level=reached,
            require=self.require,
            checks=[*checks, *must_hold],
            differences=differences,
            figures=figures,
        )

    def _check_chains(self, dataset: str) -> list[RuleResult]:
        """Verify the chains once for all certificates of this replay whose models learned one dataset."""
        if dataset not in self._chains:
            self._chains[dataset] = list(check_chains(self.ledger, dataset, self.storage.ledger_root))
        return self._chains[dataset]

    def _train(
        self,
        manifest: Mapping[str, Any],
        function: Callable[..., Any],
        base: Base | None,
        differences: list[Difference],
    ) -> Training | None:
        try:
            return train_from_manifest(manifest, function, self.storage, self.log, base=base)
        except (BadInput, EvidenceBroken) as err:
            self.log.warning("It cannot be trained again: %s", err)
            known = {item.detail for item in differences}  # an interpreter that is gone says so twice
            if str(err) not in known and not any(item.cause in (Cause.DATA_MISSING, *LAWFUL) for item in differences):
                cause = Cause.DATA_MISSING if isinstance(err, EvidenceBroken) else Cause.UNKNOWN
                differences.append(Difference(cause, f"it cannot be trained again: {err}"))
            return None

    def _compare(
        self, cited: Mapping[str, Record | None], trained: Training, records: list[Record], figures: dict[str, Any]
    ) -> Iterator[RuleResult]:
        """Compare metrics and verdict, as far as there are records of them; count the scores that differ."""
        evaluation, gate = cited["evaluation"], cited["gate"]
        if evaluation is None:
            return
        training = cited["training"]
        assert training is not None  # noqa: S101 - the record that is replayed
        try:
            table, figures["scores"] = replayed_table(self.storage, self.model, evaluation, training, trained.estimator)
        except (BadInput, EvidenceBroken) as err:
            yield RuleResult(rule="scores", outcome=Outcome.FAIL, reason=f"The scores cannot be compared: {err}")
            return
        yield compare_metrics(table, evaluation, self.tolerance)
        if gate is not None:
            yield compare_gate(table, evaluation, gate, records)

    def _explain(
        self,
        training: Record,
        trained: Training,
        manifest: Mapping[str, Any],
        function: Callable[..., Any],
        base: Base | None,
        differences: list[Difference],
    ) -> None:
        """Where nothing else explains another model, train once more: does the training repeat itself at all?"""
        if (measured := measured_difference(training.body)) is not None:
            differences.append(Difference(Cause.NONDETERMINISM, measured))
        if differences:
            return
        again = train_from_manifest(manifest, function, self.storage, self.log, base=base)
        if again.prediction_digest != trained.prediction_digest:
            detail = "two trainings in one process, on the same rows, gave different predictions"
            differences.append(Difference(Cause.NONDETERMINISM, detail))
        else:
            detail = "data, code and environment are the recorded ones, and the training repeats itself"
            differences.append(Difference(Cause.UNKNOWN, detail))


def _is_missing(check: RuleResult) -> bool:
    return check.rule.startswith("data") and check.outcome is Outcome.FAIL


def _excused(result: RuleResult) -> RuleResult:
    """What fails on the rows that erasures have left contradicts no record."""
    return replace(result, outcome=Outcome.INCONCLUSIVE) if result.outcome is Outcome.FAIL else result


def _holds(results: list[RuleResult], rule: str) -> bool | None:
    found = [result.outcome is Outcome.PASS for result in results if result.rule == rule]
    return found[0] if found else None
