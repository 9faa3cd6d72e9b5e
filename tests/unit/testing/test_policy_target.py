"""Attacks on a policy: the real gate holds all of them back, and the kit complains about a broken one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airflow_provider_mlops.backends import policy_file
from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.hooks import scores_store
from airflow_provider_mlops.statistics import gate
from airflow_provider_mlops.statistics.score_table import ScoreTable
from airflow_provider_mlops.testing import GateOpen, attack_policy, attacks
from airflow_provider_mlops.testing.honest import honest_facts, honest_table

NEEDS_A_DAG = {"dead_registry"}
OF_SCORES = {attack.name for attack in attacks() if attack.breaks == "scores"}
OF_FILES = {attack.name for attack in attacks() if attack.breaks == "file"}
OF_POLICIES = {attack.name for attack in attacks() if attack.breaks == "policy"}
PASSES = Verdict.from_rules([RuleResult(rule="broken", outcome=Outcome.PASS, reason="Always.")])


def passed(policy: Path, **more: Any) -> set[str]:
    """Return the attacks that got through."""
    return {finding.attack for finding in attack_policy(policy, **more).passed}


@pytest.mark.parametrize("attack", attacks(), ids=str)
def test_no_attack_passes_the_real_gate(policy: Path, attack: Any) -> None:
    """Each is held back by a verdict or refused; none makes the gate fall over."""
    report = attack_policy(policy, attacks=[attack])
    (finding,) = report.findings

    report.raise_if_passed()
    expected = {"NOT APPLICABLE"} if attack.name in NEEDS_A_DAG else {"FAIL", "INCONCLUSIVE", "REFUSED"}
    assert finding.outcome in expected


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_honest_rows_pass(tmp_path: Path, policy: Path, task: str) -> None:
    """Held back is an attack only where the same rows without it pass."""
    metrics = {"multiclass": ("multiclass_accuracy", "macro_f1"), "regression": ("r2", "mae")}
    if task in metrics:
        minimum, compared = metrics[task]
        policy = tmp_path / "policy.yaml"
        policy.write_text(
            "schema: 1\nname: p\nrules:\n"
            f"  - {{name: a, kind: minimum, metric: {minimum}, value: 0.8}}\n"
            f"  - {{name: b, kind: non_inferior, metric: {compared}, margin: 0.05}}\n"
        )
    report = attack_policy(policy, attacks=["nan_scores", "swapped_champion", "constant_scores"])

    assert [finding.outcome for finding in report.control] == ["PASS"]
    assert {finding.outcome for finding in report} <= {"FAIL", "INCONCLUSIVE"}


@pytest.mark.parametrize(
    "rules",
    [
        (
            "dependence: {time: day, block_days: 2}\nrules:\n"
            "  - {name: a, kind: minimum, metric: balanced_accuracy, value: 0.8}"
        ),
        (
            "rules:\n"
            "  - {name: a, kind: minimum, metric: recall, value: 0.8, slice: sex, min_rows: 900}\n"
            "  - {name: b, kind: fairness, metric: demographic_parity_difference, value: 0.1, group: [sex, age], "
            "reference: [x, old]}"
        ),
        (
            "dependence: {cluster: customer}\nrules:\n"
            "  - {name: a, kind: minimum, metric: multiclass_accuracy, value: 0.8, slice: region, values: [n, e, s]}"
        ),
        "rules:\n  - {name: a, kind: maximum, metric: rmse, value: 0.01}",
        "rules:\n  - {name: a, kind: minimum, metric: precision, value: 0.9, threshold: operating}",
    ],
)
def test_rows_have_what_the_rules_ask_for(tmp_path: Path, rules: str) -> None:
    """Clusters, blocks of time, groups and their intersections, small scales, operating thresholds."""
    path = tmp_path / "policy.yaml"
    path.write_text(f"schema: 1\nname: p\n{rules}\n")
    report = attack_policy(path, attacks=["empty_table"])

    assert [finding.outcome for finding in report.control] == ["PASS"], report.control


def test_the_honest_rows_are_the_same_on_every_call(policy: Path) -> None:
    """A finding can be looked at again."""
    loaded = policy_file.load_policy(policy)
    first, second = honest_table(loaded), honest_table(loaded)

    assert np.array_equal(first.candidate, second.candidate)
    assert np.array_equal(first.labels, second.labels)


def test_a_judge_that_lets_all_pass_is_found_by_every_attack_on_rows(
    policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kit complains, for each attack that reaches the judge."""
    monkeypatch.setattr(gate, "judge", lambda *_, **__: PASSES)

    assert passed(policy, attacks=[*OF_SCORES, "missing_facts"]) == OF_SCORES | {"missing_facts"}


def test_a_reader_that_checks_nothing_is_found_by_every_attack_on_files(
    policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows would pass; that they are not the recorded ones, only the reader can know."""
    table = honest_table(policy_file.load_policy(policy))
    monkeypatch.setattr(scores_store, "read_scores", lambda *_: table)

    assert passed(policy, attacks=[*OF_FILES, "nan_scores", "missing_limit"]) == OF_FILES


def test_a_loader_that_shrugs_is_found_by_every_attack_on_the_policy(
    policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy of which only the known parts are read passes."""
    loaded = policy_file.load_policy(policy)
    monkeypatch.setattr(policy_file, "load_policy", lambda _: loaded)

    assert passed(policy, attacks=[*OF_POLICIES, "nan_scores", "wrong_hash"]) == OF_POLICIES


def test_a_gate_that_is_broken_throughout_is_found_by_every_attack(
    policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No attack is blunt."""
    loaded = policy_file.load_policy(policy)
    table = honest_table(loaded)
    monkeypatch.setattr(gate, "judge", lambda *_, **__: PASSES)
    monkeypatch.setattr(scores_store, "read_scores", lambda *_: table)
    monkeypatch.setattr(policy_file, "load_policy", lambda _: loaded)
    report = attack_policy(policy)

    assert {finding.attack for finding in report.passed} == {attack.name for attack in attacks()} - NEEDS_A_DAG
    with pytest.raises(GateOpen, match=r"21 of 22 attacks passed"):
        report.raise_if_passed()


def test_a_policy_that_compares_with_nobody_lets_a_worse_model_through(tmp_path: Path) -> None:
    """The kit finds holes in policies, not only in code."""
    path = tmp_path / "policy.yaml"
    path.write_text(
        "schema: 1\nname: weak\nrules:\n  - {name: accuracy, kind: minimum, metric: accuracy, value: 0.6}\n"
    )

    assert passed(path, attacks=["swapped_champion"]) == {"swapped_champion"}


def test_a_policy_without_its_file_is_attacked_by_the_rest(policy: Path) -> None:
    """There is no text to break."""
    loaded: Policy = policy_file.load_policy(policy)
    report = attack_policy(loaded, attacks=["unknown_policy_key", "nan_scores"])

    assert [finding.outcome for finding in report] == ["NOT APPLICABLE", "INCONCLUSIVE"]


def test_ones_own_rows_are_attacked(policy: Path) -> None:
    """The rows and facts of a real evaluation may stand in for the made-up ones; a control that fails is said."""
    rng = np.random.default_rng(1)
    table = ScoreTable(rng.integers(0, 2, 900).astype(float), rng.random(900), rng.random(900))
    loaded = policy_file.load_policy(policy)
    report = attack_policy(policy, table, facts=honest_facts(loaded), attacks=["nan_scores"])

    assert report.control[0].outcome != "PASS"
    assert "The honest rows do not pass either" in str(report)


def test_an_unknown_attack_is_refused(policy: Path) -> None:
    """A misspelt name is no attack that was held back."""
    with pytest.raises(KeyError, match="nan_score"):
        attack_policy(policy, attacks=["nan_score"])
