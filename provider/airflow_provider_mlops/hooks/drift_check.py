"""Judging drift: columns, rows that hang together, slices; one verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.hooks.drift_parts import joined, of_slice
from airflow_provider_mlops.hooks.drift_plan import SERVED, DriftPlan
from airflow_provider_mlops.hooks.drift_profiles import judge_profiles
from airflow_provider_mlops.hooks.drift_sources import Sides, open_sides, renamed
from airflow_provider_mlops.hooks.samples import open_columns
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    from airflow_provider_mlops.backends.drift_columns import Columns
    from airflow_provider_mlops.core.drift_options import Blocks
    from airflow_provider_mlops.statistics.finding import Finding, GivenTest

WINDOW_INCOMPLETE = "window_incomplete"
Muted = Callable[[str, str], str | None]


def judge_drift(
    storage: Storage,
    plan: DriftPlan,
    *,
    muted: Muted | None = None,
    p_values: Callable[[Any], Mapping[str, float]] | None = None,
) -> Verdict:
    """Read both samples of a plan and compare them.

    :param storage: where they lie.
    :param plan: what is compared.
    :param muted: which drift was accepted.
    :param p_values: another backend's p-values of pairs of columns; None for our own.
    :return: the verdict.
    :raises BadInput: when the policy asks for columns that are not there.
    :raises EvidenceBroken: when something is missing or was changed.
    """
    if plan.unable is not None:
        return no_reference(plan.unable)
    if plan.profiled is not None:
        if p_values is not None:
            raise BadInput(
                "The p-values of another backend need rows, and the policy says data: profile; use backend='native'."
            )
        return judge_profiles(storage, plan, muted)
    with open_sides(storage, plan) as sides:
        if not sides.reference.rows:
            return no_reference("No row of the reference is of the season that is judged")
        verdict = _compare(storage, plan, sides, muted, p_values)
        if plan.question.policy.slices:
            verdict = joined(verdict, _slices(plan, sides, muted))
    marks = (*verdict.marks, WINDOW_INCOMPLETE) if plan.missing else verdict.marks
    return replace(verdict, marks=marks)


def no_reference(why: str) -> Verdict:
    """Return the verdict of a check that has nothing to compare with.

    :param why: start of the sentence.
    :return: INCONCLUSIVE.
    """
    reason = f"{why}: there is no reference to compare with."
    return Verdict.from_rules([RuleResult(rule="reference", outcome=Outcome.INCONCLUSIVE, reason=reason)])


def _compare(
    storage: Storage,
    plan: DriftPlan,
    sides: Sides,
    muted: Muted | None,
    p_values: Callable[[Any], Mapping[str, float]] | None,
) -> Verdict:
    from airflow_provider_mlops.statistics.drift import detect_drift

    policy = plan.question.policy
    if p_values is not None and (policy.dependence is not None or policy.calibration is not None):
        raise BadInput(
            "The p-values of another backend take rows for independent, and the policy has dependence or calibration; "
            "use backend='native'."
        )
    tests: Mapping[str, GivenTest] = {}
    if policy.dependence is not None:
        tests = _permuted(plan, sides, policy.dependence)
    elif policy.calibration is not None:
        tests = _calibrated(storage, plan, sides)
    elif p_values is not None:
        given = p_values(sides.pairs)
        verdict = detect_drift(sides.pairs, policy, p_values=given, importance=plan.importance, muted=muted)
        return _with_columns(verdict, plan, sides)
    verdict = detect_drift(sides.pairs, policy, tests=tests, importance=plan.importance, muted=muted)
    return _with_columns(verdict, plan, sides)


def _permuted(plan: DriftPlan, sides: Sides, dependence: Blocks) -> dict[str, GivenTest]:
    from airflow_provider_mlops.backends.drift_columns import block_codes, count_blocks
    from airflow_provider_mlops.backends.optional import load
    from airflow_provider_mlops.statistics.drift_blocks import permutation_tests
    from airflow_provider_mlops.statistics.drift_decision import strictest_alpha
    from airflow_provider_mlops.statistics.seeds import derive_seed

    policy, np = plan.question.policy, load("numpy", "parquet")
    time_column = "time" if plan.logs else (plan.manifest or {}).get("time_column")
    codes = [block_codes(side, dependence, time_column) for side in (sides.reference, sides.current)]
    blocks = [int(found.max()) + 1 if len(found) else 0 for found in codes]
    current = np.arange(sum(blocks)) >= blocks[0]
    alpha = strictest_alpha(policy.alpha, policy.correction, 2 * len(sides.names))
    parts = [(sides.reference, codes[0], blocks[0]), (sides.current, codes[1], blocks[1])]
    tests: dict[str, GivenTest] = {}
    for name in sides.names:
        counts = count_blocks(name, sides.reference, parts)
        if counts is not None:
            seed = derive_seed(str(plan.decision()), name)
            tests |= permutation_tests(counts, current, alpha=alpha, seed=seed)
    return tests


def _calibrated(storage: Storage, plan: DriftPlan, sides: Sides) -> dict[str, GivenTest]:
    """Compare with clean windows; those that the champion was trained on are taken out of their own reference."""
    from airflow_provider_mlops.backends.drift_columns import count_blocks
    from airflow_provider_mlops.backends.optional import load
    from airflow_provider_mlops.statistics.drift_blocks import calibrated_tests

    np, asked = load("numpy", "parquet"), plan.question
    manifest, season = plan.manifest or {}, plan.season
    trained = [item["snapshot_id"] for item in plan.reference]
    blocks: list[tuple[str, str, dict[str, Any]]] = [
        (
            plan.reference_dataset or asked.dataset,
            digest,
            {"since": season.since, "until": season.until, "weekdays": season.weekdays},
        )
        for digest in trained
    ]
    extra = [item["snapshot_id"] for window in plan.history for item in window if item["snapshot_id"] not in trained]
    blocks += [(asked.dataset, digest, {}) for digest in extra]
    index = {digest: number for number, (_, digest, _) in enumerate(blocks)}
    windows = np.zeros((len(plan.history) + 1, len(blocks) + 1))
    for row, window in enumerate(plan.history):
        for item in window:
            windows[row, index[item["snapshot_id"]]] = 1.0
    windows[-1, -1] = 1.0
    with ExitStack() as stack:
        parts: list[tuple[Columns, Any, int]] = []
        for dataset, digest, cut in blocks:
            cuts = any(cut.values())
            opened = open_columns(
                storage,
                dataset,
                [{"snapshot_id": digest}],
                time_column=manifest["time_column"] if cuts else None,
                **cut,
            )
            columns = stack.enter_context(opened)
            parts.append((columns, np.zeros(columns.rows, dtype=np.int64), 1))
        parts.append((sides.current, np.zeros(sides.current.rows, dtype=np.int64), 1))
        found = [count_blocks(name, sides.reference, parts) for name in sides.names]
    reference = np.arange(len(blocks) + 1) < len(trained)
    return calibrated_tests([counts for counts in found if counts is not None], reference, windows)


def _slices(plan: DriftPlan, sides: Sides, muted: Muted | None) -> Verdict:
    """Judge every value of the policy's slices on its own."""
    from airflow_provider_mlops.backends.drift_columns import group_codes, split_summaries
    from airflow_provider_mlops.backends.optional import load
    from airflow_provider_mlops.statistics.drift import find
    from airflow_provider_mlops.statistics.drift_decision import decide_slices

    np, policy = load("numpy", "parquet"), plan.question.policy
    findings: list[Finding] = []
    small: list[str] = []
    for column in policy.slices:
        codes, rows = [], []
        for side in (sides.reference, sides.current):
            found, values = group_codes(side, column)
            codes.append((found, values))
            counts = np.bincount(found, minlength=len(values))
            rows.append(dict(zip(values, counts.tolist(), strict=True)))
        names = sorted({*rows[0], *rows[1]})
        enough = [name for name in names if min(side.get(name, 0) for side in rows) >= policy.min_rows]
        small += [
            f"{column}={name} ({rows[0].get(name, 0):,} and {rows[1].get(name, 0):,})"
            for name in names
            if name not in enough
        ]
        wanted = [{values.index(name): name for name in enough} for _, values in codes]
        for feature in sides.names:
            if feature == column:
                continue
            was = split_summaries(sides.reference, feature, codes[0][0], wanted[0])
            now = split_summaries(sides.current, feature, codes[1][0], wanted[1])
            for name in enough:
                _, seen = find([(feature, was.get(name), now.get(name))], policy)
                findings += [of_slice(finding, f"{column}={name}") for finding in seen]
    return decide_slices(findings, policy, small, muted=muted)


def _with_columns(verdict: Verdict, plan: DriftPlan, sides: Sides) -> Verdict:
    """Say which columns are new, and which of those that are gone look renamed."""
    if plan.question.kind in SERVED:
        return verdict
    found = renamed(sides)
    rules: Sequence[RuleResult] = [
        replace(
            rule,
            reason=f"{rule.reason[:-1]}; looks renamed to {found[rule.rule]}.",
            numbers={**rule.numbers, "renamed_to": found[rule.rule]},
        )
        if rule.rule in found
        else rule
        for rule in verdict.rules
    ]
    new = [name for name in sides.current.names if name not in sides.reference.names]
    if not new:
        return replace(verdict, rules=tuple(rules))
    text = f"{len(new)} columns are new, which the model does not use: {', '.join(name[:40] for name in new[:10])}."
    extra = RuleResult(rule="columns:new", outcome=Outcome.PASS, reason=text, numbers={"columns": new[:50]})
    return replace(verdict, rules=(*rules, extra))
