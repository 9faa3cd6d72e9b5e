"""Replaying a recorded training: train, score and judge again from what was recorded, and compare every step."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.certificate import (
    LAWFUL,
    Cause,
    Difference,
    build_certificate,
    is_lawful,
    level_reached,
    recorded_facts,
)
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.replay import TOLERANCE, Level, compare_training
from airflow_provider_mlops.core.replay_choice import cited_records
from airflow_provider_mlops.core.search import manifest_to_replay
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.hooks.data_files import files_are_known, found_file_differences
from airflow_provider_mlops.hooks.recorded_code import TODAY, CodeMissing, ReplayedCode, replayed_code
from airflow_provider_mlops.hooks.replay_causes import explanation, known_differences
from airflow_provider_mlops.hooks.replay_chain import replayed_base
from airflow_provider_mlops.hooks.replay_checks import check_artifact, check_chains, check_data
from airflow_provider_mlops.hooks.replay_scores import compare_gate, compare_metrics, replayed_table
from airflow_provider_mlops.hooks.training import Training, train_from_manifest

if TYPE_CHECKING:
    from airflow_provider_mlops.core.ledger import Ledger
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.fitting import Base
    from airflow_provider_mlops.hooks.mlflow import MlflowHook
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
    :param code: ``today`` for the training functions of now, ``recorded`` for those of the recorded commits.
    :param bundle: root of the Dag bundle, for functions that stand in Dag files; None for the working directory.
    """

    model: str
    ledger: Ledger
    storage: Storage
    hook: MlflowHook
    log: Any
    require: Level = Level.L1
    tolerance: float = TOLERANCE
    from_root: bool = False
    code: str = TODAY
    bundle: Path | None = None
    _chains: dict[str, list[RuleResult]] = field(default_factory=dict)

    def certify(self, training: Record) -> dict[str, Any]:
        """Replay one training and say how far it agrees with its record.

        :param training: the record.
        :return: the certificate; where the code differs, or cannot be had, it says so.
        :raises TransientError: when MLflow, the storage or Git cannot be reached.
        """
        with ExitStack() as opened:
            try:
                code = opened.enter_context(replayed_code(training, self.code, self.log, self.bundle))
            except CodeMissing as err:
                self.log.warning("The code cannot be had: %s", err)
                return self._certify(training, None, [Difference(Cause.CODE_MISSING, str(err))])
            return self._certify(training, code, [])

    def _certify(self, training: Record, code: ReplayedCode | None, missing: list[Difference]) -> dict[str, Any]:
        started, records = time.monotonic(), self.ledger.records()
        cited, manifest = cited_records(records, training), manifest_to_replay(training.body)
        self.log.info("Replaying the training of %s (record %d).", manifest["test"]["partition_key"], training.seq)
        checks = [*self._check_chains(manifest["dataset"]), *check_data(self.storage, manifest)]
        checks.append(check_artifact(self.hook, training))
        checks.extend([] if code is None else code.results(manifest))
        start = replayed_base(
            training,
            records,
            self.storage,
            self.hook,
            self.log,
            from_root=self.from_root,
            choice=self.code,
            bundle=self.bundle,
        )
        differences = [
            *(Difference(Cause.DATA_MISSING, check.reason) for check in checks if _is_missing(check)),
            *missing,
            *known_differences(self.storage, training, code, records, bases_too=self.from_root),
            *start.differences,
        ]
        trained = None
        if code is not None and not start.missing:
            trained = self._train(manifest, code, start.base, differences)
        level, compared = Level.NONE, []
        figures: dict[str, Any] = start.figures(from_root=self.from_root)
        if code is not None and trained is not None:
            level, _ = compare_training(training.body, {**trained.facts(), "code_files": code.files})
            differences += found_file_differences(training.body, trained.data_files)
            figures |= {"environment": trained.environment, "rows": trained.rows}
            compared = list(self._compare(cited, trained, records, figures))
            self.log.info("The models agree at %s; %d things are not as recorded.", level, len(differences))
        figures |= recorded_facts(training.body)
        metrics, verdict = (_holds(compared, rule) for rule in ("metrics", "verdict"))
        reached = level_reached(level, metrics, verdict)
        # Whoever asks for the verdict alone allows other metrics.
        must_hold = [result for result in compared if self.require is not Level.L3 or result.rule != "metrics"]
        if is_lawful(differences):
            must_hold = [_excused(result) for result in must_hold]
        if code is not None and trained is not None and level is Level.NONE:
            again = partial(self._fit, manifest, code, start.base)
            differences += explanation(training, trained, again, differences, committed=code.commit is not None)
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
        code: ReplayedCode,
        base: Base | None,
        differences: list[Difference],
    ) -> Training | None:
        try:
            return self._fit(manifest, code, base)
        except (BadInput, EvidenceBroken) as err:
            self.log.warning("It cannot be trained again: %s", err)
            known = {item.detail for item in differences}  # an interpreter that is gone says so twice
            if str(err) not in known and not any(item.cause in (Cause.DATA_MISSING, *LAWFUL) for item in differences):
                cause = Cause.DATA_MISSING if isinstance(err, EvidenceBroken) else Cause.UNKNOWN
                differences.append(Difference(cause, f"it cannot be trained again: {err}"))
            return None
        except FileNotFoundError as err:
            if not files_are_known(differences):
                raise  # whatever the function looked for, no record says that it was there
            differences.append(Difference(Cause.FILES, f"it cannot be trained again: {err}"))
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

    def _fit(self, manifest: Mapping[str, Any], code: ReplayedCode, base: Base | None) -> Training:
        return train_from_manifest(manifest, code.function, self.storage, self.log, base=base, root=code.root)


def _is_missing(check: RuleResult) -> bool:
    return check.rule.startswith("data") and check.outcome is Outcome.FAIL


def _excused(result: RuleResult) -> RuleResult:
    """What fails on the rows that erasures have left contradicts no record."""
    return replace(result, outcome=Outcome.INCONCLUSIVE) if result.outcome is Outcome.FAIL else result


def _holds(results: list[RuleResult], rule: str) -> bool | None:
    found = [result.outcome is Outcome.PASS for result in results if result.rule == rule]
    return found[0] if found else None
