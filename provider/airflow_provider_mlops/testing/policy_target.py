"""Attacks on a policy: whatever is broken, the gate's judge never says PASS."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.errors import MLOpsError
from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.testing.attacks import FACTS, FILE, POLICY, SCORES, Attack, chosen
from airflow_provider_mlops.testing.report import ERROR, NOT_APPLICABLE, REFUSED, Finding, Report

if TYPE_CHECKING:
    from airflow_provider_mlops.core.verdict import Verdict
    from airflow_provider_mlops.statistics.score_table import ScoreTable

EVALUATION = "attack"
MODEL = "attacked"


def attack_policy(
    policy: str | Path | Policy,
    table: ScoreTable | None = None,
    *,
    facts: Mapping[str, Any] | None = None,
    attacks: Iterable[Attack | str] | None = None,
) -> Report:
    """Judge broken scores by a policy, and break the policy itself.

    :param policy: the policy file, or a policy; attacks on the policy's text need the file.
    :param table: test rows that the policy passes; default: made-up rows of a good candidate that beats the champion.
    :param facts: what an evaluation recorded besides the scores; default: made-up facts within the policy's limits.
    :param attacks: attacks or their names; default: all.
    :return: what came of each attack.
    :raises BadInput: when the policy itself is not valid.
    """
    from airflow_provider_mlops.backends.policy_file import load_policy
    from airflow_provider_mlops.testing.honest import honest_facts, honest_table

    loaded = policy if isinstance(policy, Policy) else load_policy(policy)
    target = PolicyTarget(
        policy=loaded,
        path=None if isinstance(policy, Policy) else Path(policy),
        table=honest_table(loaded) if table is None else table,
        facts=honest_facts(loaded) if facts is None else facts,
    )
    return Report(
        target=f"policy {loaded.name}",
        control=(target.control(),),
        findings=tuple(target.try_attack(attack) for attack in chosen(attacks)),
    )


class PolicyTarget:
    """A policy with rows that it should pass.

    :param policy: the policy.
    :param path: its file, None when there is none.
    :param table: the rows.
    :param facts: what an evaluation recorded besides.
    """

    def __init__(self, policy: Policy, path: Path | None, table: ScoreTable, facts: Mapping[str, Any]) -> None:
        self.policy = policy
        self.path = path
        self.table = table
        self.facts = facts

    def control(self) -> Finding:
        """Judge the rows as they are."""
        return self._finding("control", lambda: self._judge(self.policy, self.table, self.facts))

    def try_attack(self, attack: Attack) -> Finding:
        """Judge what an attack leaves.

        :param attack: the attack.
        :return: what came of it.
        """
        tries = {SCORES: self._on_scores, FACTS: self._on_facts, POLICY: self._on_policy, FILE: self._on_file}
        if attack.breaks not in tries:
            return Finding(attack.name, NOT_APPLICABLE, "A policy has no registry: use attack_dag.")
        return self._finding(attack.name, lambda: tries[attack.breaks](attack))

    def _on_scores(self, attack: Attack) -> Verdict | None:
        spoilt = attack.spoil(self.table, self.policy)
        return None if spoilt is None else self._judge(self.policy, spoilt, self.facts)

    def _on_facts(self, attack: Attack) -> Verdict | None:
        spoilt = attack.spoil(self.facts, self.policy)
        return None if spoilt is None else self._judge(self.policy, self.table, spoilt)

    def _on_policy(self, attack: Attack) -> Verdict | None:
        from airflow_provider_mlops.backends import policy_file

        with tempfile.TemporaryDirectory(prefix="mlops-attack-") as folder:
            path = spoilt_policy(attack, self.path, Path(folder))
            return None if path is None else self._judge(policy_file.load_policy(path), self.table, self.facts)

    def _on_file(self, attack: Attack) -> Verdict:
        from airflow_provider_mlops.hooks import scores_store
        from airflow_provider_mlops.hooks.storage import Storage
        from airflow_provider_mlops.testing.scratch import store_spoilt

        with tempfile.TemporaryDirectory(prefix="mlops-attack-") as folder:
            storage = Storage(folder)
            scores_id = store_spoilt(storage, MODEL, self.table, attack)
            found = scores_store.read_scores(storage, MODEL, scores_id, self.table.thresholds)
            return self._judge(self.policy, found, self.facts)

    @staticmethod
    def _judge(policy: Policy, table: ScoreTable, facts: Mapping[str, Any]) -> Verdict:
        from airflow_provider_mlops.statistics import gate

        return gate.judge(policy, table, evaluation_id=EVALUATION, looks=1, facts=facts)

    @staticmethod
    def _finding(name: str, judged: Any) -> Finding:
        try:
            verdict = judged()
        except MLOpsError as err:
            return Finding(name, REFUSED, str(err))
        except Exception as err:  # noqa: BLE001 - whatever it is, nothing passed
            return Finding(name, ERROR, f"{type(err).__name__}: {err}")
        if verdict is None:
            return Finding(name, NOT_APPLICABLE, "The policy has nothing that this would break.")
        return Finding(name, verdict.outcome.value, verdict.reasons[0] if verdict.reasons else "")


def spoilt_policy(attack: Attack, path: Path | None, folder: Path) -> Path | None:
    """Write a broken copy of a policy file.

    :param attack: how to break it.
    :param path: the file, None when there is none.
    :param folder: where to write.
    :return: the copy; None when there is nothing to break.
    """
    from airflow_provider_mlops.backends.yaml_file import read_yaml

    mapping = None if path is None else attack.spoil(read_yaml(path))
    if mapping is None:
        return None
    copy = folder / "policy.yaml"
    # JSON is YAML too.
    copy.write_text(json.dumps(mapping), encoding="utf-8")
    return copy
