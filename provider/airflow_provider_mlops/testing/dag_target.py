"""Attacks on a Dag: its own gate, evaluation and promotion tasks, run on a scratch ledger."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.errors import BadInput, MLOpsError
from airflow_provider_mlops.testing.attacks import FACTS, POLICY, REGISTRY, SCORES, Attack, chosen
from airflow_provider_mlops.testing.policy_target import spoilt_policy
from airflow_provider_mlops.testing.report import ERROR, NOT_APPLICABLE, PASS, REFUSED, Finding, Report

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from airflow_provider_mlops.core.ledger import Ledger
    from airflow_provider_mlops.core.policy import Policy
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.statistics.score_table import ScoreTable

MODEL = "attacked"
_GATE, _EVALUATE, _PROMOTE = "GateModelOperator", "EvaluateModelOperator", "PromoteModelOperator"


def attack_dag(
    dag: DAG,
    *,
    root: str | Path = ".",
    policy: str | Path | None = None,
    table: ScoreTable | None = None,
    attacks: Iterable[Attack | str] | None = None,
) -> Report:
    """Run a Dag's gates on broken evaluations, and offer what they say to its promotions.

    Every gate of the Dag is run as it is declared, with its policy and what it does on a refusal, on a scratch ledger
    and storage and with a registry that does not answer. Nothing of yours is read but the policy, nothing is written.

    :param dag: the Dag.
    :param root: root of the Dag bundle, in which the policy lies.
    :param policy: the policy file, for gates whose policy is a template.
    :param table: test rows that the policy passes; default: made-up rows.
    :param attacks: attacks or their names; default: all.
    :return: what came of each attack on each gate.
    :raises BadInput: when the Dag has no gate, or a gate's policy cannot be found.
    """
    gates = _tasks(dag, _GATE)
    if not gates:
        raise BadInput(f"Dag {dag.dag_id!r} has no {_GATE}: nothing holds a candidate back.")
    findings: list[Finding] = []
    control: list[Finding] = []
    for task in gates:
        target = DagTarget(dag, task, _policy_file(task, Path(root), policy), table)
        control.append(target.control())
        findings += [target.try_attack(attack) for attack in chosen(attacks)]
    return Report(target=f"Dag {dag.dag_id}", control=tuple(control), findings=tuple(findings))


class DagTarget:
    """One gate of a Dag, with the evaluations and promotions around it.

    :param dag: the Dag.
    :param task: the gate's task.
    :param path: the policy file.
    :param table: rows that the policy should pass, None for made-up ones.
    """

    def __init__(self, dag: DAG, task: Any, path: Path, table: ScoreTable | None) -> None:
        from airflow_provider_mlops.backends.policy_file import load_policy
        from airflow_provider_mlops.testing.honest import honest_facts, honest_table

        self.dag = dag
        self.task = task
        self.path = path
        self.policy: Policy = load_policy(path)
        self.table = honest_table(self.policy) if table is None else table
        self.facts: Mapping[str, Any] = honest_facts(self.policy)

    def control(self) -> Finding:
        """Run the gate on the rows as they are."""
        return self._run("control", lambda scratch: scratch.gate(self.path, self.table, self.facts))

    def try_attack(self, attack: Attack) -> Finding:
        """Run the gate on what an attack leaves, then offer its verdict to the promotions.

        :param attack: the attack.
        :return: what came of it.
        """
        return self._run(attack.name, lambda scratch: self._try(scratch, attack))

    def _try(self, scratch: _Scratch, attack: Attack) -> Finding | None:
        path, table, facts = self.path, self.table, self.facts
        with tempfile.TemporaryDirectory(prefix="mlops-attack-") as folder:
            if attack.breaks == REGISTRY:
                return self._without_registry(scratch)
            if attack.breaks == POLICY:
                path = spoilt_policy(attack, self.path, Path(folder)) or path
            elif attack.breaks == SCORES:
                table = attack.spoil(table, self.policy)
            elif attack.breaks == FACTS:
                facts = attack.spoil(facts, self.policy)
            if table is None or facts is None or (attack.breaks == POLICY and path == self.path):
                return None
            found = scratch.gate(path, table, facts, attack)
        return found if found.passed else scratch.after(found, _tasks(self.dag, _PROMOTE))

    def _without_registry(self, scratch: _Scratch) -> Finding | None:
        """Evaluate and promote while no registry answers."""
        evaluations, promotions = _tasks(self.dag, _EVALUATE), _tasks(self.dag, _PROMOTE)
        if not evaluations and not promotions:
            return None
        tried = [scratch.evaluate(task) for task in evaluations]
        if promotions:
            gate = scratch.passed_gate(self.table)
            tried += [scratch.promote(task, gate) for task in promotions]
        return next((finding for finding in tried if finding.passed), tried[0])

    def _run(self, name: str, attempt: Callable[[_Scratch], Finding | None]) -> Finding:
        from airflow_provider_mlops.testing.scratch import dead_registry

        with tempfile.TemporaryDirectory(prefix="mlops-attack-") as folder, dead_registry() as connection:
            try:
                found = attempt(_Scratch(self.task, Path(folder), connection))
            except MLOpsError as err:
                found = Finding(name, REFUSED, str(err))
            except Exception as err:  # noqa: BLE001 - whatever it is, nothing passed
                found = Finding(name, ERROR, f"{type(err).__name__}: {err}")
        if found is None:
            found = Finding(name, NOT_APPLICABLE, "The Dag has nothing that this would break.")
        return Finding(name, found.outcome, found.reason, self.task.task_id)


class _Scratch:
    """A storage and a ledger that last for one attack."""

    def __init__(self, task: Any, root: Path, connection: str) -> None:
        from airflow_provider_mlops.hooks.ledger import model_ledger
        from airflow_provider_mlops.hooks.storage import Storage
        from airflow_provider_mlops.testing.scratch import write_history

        self.task = task
        self.root = root
        self.connection = connection
        self.storage = Storage(str(root / "storage"))
        self.ledger: Ledger = model_ledger(MODEL, str(root / "ledger"))
        write_history(self.ledger)

    def gate(self, policy: Path, table: ScoreTable, facts: Mapping[str, Any], attack: Attack | None = None) -> Finding:
        """Run the gate's task, and read its verdict from the ledger."""
        from airflow_provider_mlops.testing.scratch import store_spoilt, write_evaluation

        scores_id = store_spoilt(self.storage, MODEL, table, attack)
        evaluation = write_evaluation(self.ledger, attack.name if attack else "control", table, scores_id, facts)
        error = self._execute(self.task, policy=str(policy.resolve()), evaluation_id=evaluation.body["evaluation_id"])
        record = self.ledger.latest(kind="gate")
        if record is None:
            return _stopped(error)
        verdict = record.body["verdict"]
        reasons = [rule["reason"] for rule in verdict["rules"] if rule["outcome"] != PASS]
        return Finding("", str(record.outcome), next(iter(reasons), "All rules hold."))

    def after(self, found: Finding, promotions: Iterable[Any]) -> Finding:
        """Offer a refused candidate to the rules of promotion, and to the Dag's own tasks."""
        gate = self.ledger.latest(kind="gate")
        if gate is None:
            return found
        if _decide(gate).passed:
            return Finding("", PASS, f"The gate said {gate.outcome}, and the rules of promotion would promote it.")
        tried = [self.promote(task, gate) for task in promotions]
        return next((finding for finding in tried if finding.passed), found)

    def evaluate(self, task: Any) -> Finding:
        """Run an evaluation's task: without a registry it must not leave an evaluation."""
        from airflow_provider_mlops.testing.scratch import manifest_hash

        error = self._execute(task, manifest_hash=manifest_hash("2"))
        if self.ledger.latest(kind="evaluation") is not None:
            return Finding("", PASS, f"Task {task.task_id!r} recorded an evaluation without a registry.")
        return _stopped(error)

    def promote(self, task: Any, gate: Record) -> Finding:
        """Run a promotion's task: it must not record one."""
        error = self._execute(task, gate_record=gate.hash)
        if any(record.outcome == PASS for record in self.ledger.records("promotion")):
            return Finding("", PASS, f"Task {task.task_id!r} recorded a promotion.")
        return _stopped(error)

    def passed_gate(self, table: ScoreTable) -> Record:
        """Record a verdict that would be promoted."""
        from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
        from airflow_provider_mlops.testing.scratch import write_evaluation

        evaluation = write_evaluation(self.ledger, "promoted", table, "", {}) if table.rows else None
        evaluation_id = evaluation.body["evaluation_id"] if evaluation else ""
        verdict = Verdict.from_rules([RuleResult(rule="made_up", outcome=Outcome.PASS, reason="Made up.")])
        body = {**_gate_body(self.ledger), "evaluation_id": evaluation_id, "verdict": verdict.to_dict()}
        return self.ledger.append(kind="gate", key="made up", body=body, outcome=Outcome.PASS)

    def _execute(self, task: Any, **fields: Any) -> Exception | None:
        """Run a copy of a task with other fields; return how it ended, None for well."""
        from airflow_provider_mlops.operators.context import run_facts
        from airflow_provider_mlops.testing.honest import AS_OF
        from airflow_provider_mlops.testing.scratch import scratch_context

        made = copy.copy(task)
        given = {
            "model_name": MODEL,
            "mlflow_conn_id": self.connection,
            "storage_root": str(self.root / "storage"),
            "ledger_root": str(self.root / "ledger"),
            "as_of": AS_OF.isoformat(),
            **fields,
        }
        for name, value in given.items():
            if hasattr(made, name):
                setattr(made, name, value)
        try:
            context = scratch_context(made, self.root)
            made.step(context, run_facts(context))  # type: ignore[arg-type]  # the part of it that is read
        except Exception as err:  # noqa: BLE001 - a task may end in any way; what counts is what it recorded
            return err
        return None


def _decide(gate: Record) -> Any:
    """Ask the rules of promotion, all else being well."""
    from airflow_provider_mlops.core import promotion

    return promotion.decide_promotion(
        candidate_version=gate.body["candidate_version"],
        candidate_digest=gate.body["model_digest"],
        partition_key=gate.body["partition_key"],
        gate=gate.to_dict(),
        validations={"snapshot": PASS},
        current_champion=gate.body["champion_version"],
        evaluated_champion=gate.body["champion_version"],
        champion_partition_key=None,
    )


def _gate_body(ledger: Ledger) -> dict[str, Any]:
    from airflow_provider_mlops.testing.scratch import PARTITION

    trained = ledger.latest(kind="registration", version="2")
    digest = trained.body["model_digest"] if trained else ""
    named = {"candidate_version": "2", "champion_version": "1", "model_digest": digest}
    return {**named, "partition_key": PARTITION, "looks": 1, "policy_hash": "", "policy": ""}


def _stopped(error: Exception | None) -> Finding:
    if error is None:
        return Finding("", REFUSED, "The task ended without a record.")
    if isinstance(error, MLOpsError):
        return Finding("", REFUSED, str(error))
    return Finding("", ERROR, f"{type(error).__name__}: {error}")


def _policy_file(task: Any, root: Path, given: str | Path | None) -> Path:
    named = str(task.policy)
    if given is None and "{{" in named:
        raise BadInput(f"The policy of task {task.task_id!r} is a template; give attack_dag the file as policy=.")
    path = root / (given or named)
    if not path.is_file():
        raise BadInput(f"The policy {named!r} of task {task.task_id!r} is not below {root.resolve()}; give root=.")
    return path


def _tasks(dag: DAG, kind: str) -> list[Any]:
    """Find the tasks of an operator or of a subclass of it, without importing it."""
    return list(_of_kind(dag, kind))


def _of_kind(dag: DAG, kind: str) -> Iterator[Any]:
    for task in dag.task_dict.values():
        if any(base.__name__ == kind for base in type(task).__mro__):
            yield task
