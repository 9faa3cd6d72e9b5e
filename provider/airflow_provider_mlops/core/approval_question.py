"""What a human is asked about a verdict, in the Markdown that Airflow's UI shows: tables, links, no HTML."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_mlops.core.comparison import comparison
from airflow_provider_mlops.core.markdown import code, escaped, table
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome, Verdict

MOST_RULES = 40
_ORDER = {Outcome.FAIL: 0, Outcome.INCONCLUSIVE: 1, Outcome.PASS: 2}


@dataclass(frozen=True, slots=True)
class Question:
    """What a human is asked.

    :param subject: the headline.
    :param body: the text, Markdown.
    """

    subject: str
    body: str


def approval_question(
    model: str,
    gate: Record,
    evaluation: Record | None,
    need: str,
    void: str | None = None,
    *,
    approvers: Sequence[str] | None,
    groups: Sequence[str],
    end: str | None,
    pages: Mapping[str, str],
    figures: Mapping[str, str],
    drawing: Sequence[str] = (),
) -> Question:
    """Write the question that a verdict raises.

    :param model: name of the registered model.
    :param gate: the gate's record.
    :param evaluation: the record of the evaluation that was judged, None when it cannot be found.
    :param need: why a human is asked.
    :param void: why an approval would be void by now, None when it would not.
    :param approvers: names of who may answer; None: whoever Airflow lets answer.
    :param groups: their groups.
    :param end: when the question ends as a rejection, as text; None: never.
    :param pages: address of a page by title.
    :param figures: address of a picture by title. Airflow shows pictures from ``http`` and ``https`` addresses only.
    :param drawing: the rules against their bounds, drawn with letters, as it needs no address.
    :return: the question; what comes from data is escaped.
    """
    body, verdict = gate.body, Verdict.from_dict(gate.body["verdict"])
    candidate, champion = body["candidate_version"], body["champion_version"] or "(none)"
    lines = [f"Partition {escaped(body['partition_key'])}, version {candidate} against champion version {champion}."]
    lines += ["", escaped(need), ""]
    lines += [f"**An approval would be void.** {escaped(void)}", ""] if void else []
    if evaluation is not None:
        heads, rows = comparison(evaluation.body["metrics"])
        lines += [f"**Compared on {evaluation.body['rows']:,} labelled test rows** (two-sided 90 % intervals)", ""]
        lines += [*table(heads, [[escaped(cell) for cell in row] for row in rows]), ""]
    lines += [f"**Rules: {verdict.outcome.value}**", "", *_rules(verdict), ""]
    if drawing:
        lines += ["```text", *drawing, "```", ""]
    lines += [*_links(pages, figures)]
    shown = {
        "May answer": "" if approvers is None else f"{escaped(', '.join(approvers))} ({escaped(', '.join(groups))})",
        "No answer is a rejection after": escaped(end or ""),
        "Golden version": escaped(body.get("golden_version") or ""),
        "Policy": f"{escaped(body['policy'])} {code(body['policy_hash'])}",
        "Verdict": code(gate.hash),
    }
    lines += table(["", ""], [[name, value] for name, value in shown.items() if value])
    subject = f"{model}: promote version {candidate}? The gate says {verdict.outcome.value}"
    return Question(subject=subject, body="\n".join(lines))


def _rules(verdict: Verdict) -> list[str]:
    rules = sorted(verdict.rules, key=lambda rule: _ORDER[rule.outcome])
    rows = [[f"**{rule.outcome.value}**", escaped(rule.rule), escaped(rule.reason)] for rule in rules[:MOST_RULES]]
    more = [f"And {len(rules) - MOST_RULES} more rules, which stand on the verdict's page."]
    return [*table(["", "Rule", "Reason"], rows), *(more if len(rules) > MOST_RULES else [])]


def _links(pages: Mapping[str, str], figures: Mapping[str, str]) -> Iterable[str]:
    if pages:
        yield "  ·  ".join(f"[{escaped(title)}](<{address}>)" for title, address in pages.items())
        yield ""
    for title, address in figures.items():
        yield f"[![{escaped(title)}](<{address}>)](<{address}>)"
        yield ""
