"""The page of a gate's verdict: what was decided, why, and what would change it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.figures_rules import draw_rules
from airflow_provider_mlops.backends.tables import Page, Table, write_csv
from airflow_provider_mlops.core.canonical import canonical_json
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.hooks.artifacts import footer_of, role_name
from airflow_provider_mlops.statistics.rule_lines import expanded, line_of

if TYPE_CHECKING:
    from airflow_provider_mlops.core.verdict import RuleResult, Verdict

MEANING: Mapping[Outcome, str] = {
    Outcome.PASS: "Every rule of the policy holds, each proved by its confidence bound.",
    Outcome.FAIL: "At least one rule is broken, proved by its confidence bound. More rows would not help.",
    Outcome.INCONCLUSIVE: "No rule is broken, but these rows cannot prove that all hold. That is not a pass.",
}
_MARKS = {"no_baseline": "There is no champion to compare with: only absolute rules were judged."}
_COLUMNS = (
    "rule",
    "outcome",
    "metric",
    "slice",
    "slice_value",
    "n",
    "value",
    "low",
    "high",
    "limit",
    "alpha",
    "margin",
)
_MORE = ("candidate", "champion", "golden", "method", "draws", "seed", "rows_needed", "reason")


def write_verdict_page(folder: Path, verdict: Verdict, body: Mapping[str, Any], model_name: str) -> None:
    """Write ``rules.png``, ``rules.csv``, ``verdict.json`` and ``verdict.html``.

    :param folder: where to write.
    :param verdict: the verdict.
    :param body: body of the gate's record; may be empty.
    :param model_name: name of the registered model.
    """
    candidate = role_name("candidate", body.get("candidate_version"))
    title = f"{verdict.outcome.value}: {_because(verdict, candidate)}"
    footer = "  ·  ".join(part for part in (footer_of(body, model_name), _policy(body)) if part)
    write_csv(folder / "rules.csv", rules_table(verdict))
    (folder / "verdict.json").write_text(canonical_json(verdict.to_dict()) + "\n", encoding="utf-8")
    page = Page(f"{verdict.outcome.value}: {model_name or 'the gate'}, {candidate}")
    page.text(_because(verdict, candidate, capital=True) + ".", kind=verdict.outcome.value)
    page.text(MEANING[verdict.outcome])
    for mark in verdict.marks:
        page.text(_MARKS.get(mark, f"Mark: {mark}."))
    page.table(Table(("", ""), _facts(body)))
    _add_reasons(page, verdict)
    if verdict.rules:
        draw_rules(folder / "rules.png", verdict, title=title, footer=footer)
        page.heading("Rules against their bounds")
        page.text("A rule passes when its whole interval is on the better side of its bound.", kind="note")
        page.figure(folder / "rules.png", title)
    page.heading("All numbers")
    page.table(rules_table(verdict).filled())
    page.save(folder / "verdict.html")


def rules_table(verdict: Verdict) -> Table:
    """Turn the rules of a verdict into a table; a rule that watches slices has a line for each.

    :param verdict: the verdict.
    """
    rows = [_row(result) for result in expanded(verdict.rules)]
    return Table((*_COLUMNS, *_MORE), rows)


def _row(result: RuleResult) -> list[Any]:
    line = line_of(result)
    found = {name: _shown(result.numbers.get(name)) for name in (*_COLUMNS, *_MORE)}
    found |= {"rule": result.rule, "outcome": result.outcome.value, "reason": result.reason}
    found |= {"value": line.value, "low": line.low, "high": line.high, "limit": line.bound} if line else {}
    return [found[name] for name in (*_COLUMNS, *_MORE)]


def _shown(value: Any) -> Any:
    return canonical_json(value) if isinstance(value, dict | list | tuple) else value


def _because(verdict: Verdict, candidate: str, *, capital: bool = False) -> str:
    counts = Counter(result.outcome for result in verdict.rules)
    number = len(verdict.rules)
    if not number:
        text = f"no rule was judged for {candidate}"
    elif verdict.passed:
        text = f"{candidate} holds all {number} rules"
    else:
        broken, open_ = counts[Outcome.FAIL], counts[Outcome.INCONCLUSIVE]
        words = [f"{broken} broken" if broken else "", f"{open_} undecided" if open_ else ""]
        text = f"of {number} rules for {candidate}, {' and '.join(word for word in words if word)}"
    return text[0].upper() + text[1:] if capital else text


def _add_reasons(page: Page, verdict: Verdict) -> None:
    for outcome, heading in (
        (Outcome.FAIL, "Broken"),
        (Outcome.INCONCLUSIVE, "Undecided"),
        (Outcome.PASS, "Held"),
    ):
        results = [result for result in verdict.rules if result.outcome is outcome]
        if results:
            page.heading(f"{heading} ({len(results)})")
            page.table(Table(("Rule", "Reason"), [[result.rule, result.reason] for result in results]))


def _facts(body: Mapping[str, Any]) -> list[tuple[str, Any]]:
    facts = (
        ("Partition", body.get("partition_key")),
        ("Version of the candidate", body.get("candidate_version")),
        ("Version of the champion", body.get("champion_version")),
        ("Policy", body.get("policy")),
        ("Hash of the policy", body.get("policy_hash")),
        ("Looks at these test rows, this one included", body.get("looks")),
        ("Evaluation", body.get("evaluation_id")),
    )
    return [(name, value) for name, value in facts if value is not None]


def _policy(body: Mapping[str, Any]) -> str:
    if not body.get("policy_hash"):
        return ""
    short = str(body["policy_hash"]).removeprefix("sha256:")[:12]
    return f"policy {Path(str(body.get('policy', ''))).name} {short}"
