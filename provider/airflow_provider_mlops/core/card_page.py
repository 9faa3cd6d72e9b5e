"""A model card as Markdown; whatever data or people wrote is escaped."""

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_mlops.core.comparison import comparison
from airflow_provider_mlops.core.markdown import code, escaped, table


def card_markdown(card: Mapping[str, Any], card_hash: str, figures: Mapping[str, str]) -> str:
    """Write a card as Markdown.

    :param card: the card, as `build_card` makes it.
    :param card_hash: hash of the card's JSON.
    :param figures: title of each figure by its file name, beside the page.
    :return: the page; the same card gives the same text.
    """
    return "\n".join([*_lines(card, figures), f"Card {code(card_hash)}", ""])


def card_summary(card: Mapping[str, Any]) -> str:
    """Say in two lines what a card says first: for the description of the version.

    :param card: the card.
    """
    verdict, governance = card["verdict"], card["governance"]
    use = governance.get("intended_use") or "intended use not recorded"
    owner = governance.get("owner") or "not recorded"
    return (
        f"{escaped(use)}. Owner: {escaped(owner)}.\n\n"
        f"Trained for {escaped(card['partition_key'])} on {card['data']['rows']:,} rows; the gate said "
        f"{verdict['outcome']}; {len(card['limits'])} limits. The model card is with the MLflow run."
    )


def _lines(card: Mapping[str, Any], figures: Mapping[str, str]) -> Iterator[str]:
    yield f"# {escaped(card['model'])}, version {escaped(card['version'])}"
    yield ""
    rows = [
        [escaped(name.replace("_", " ")), escaped(value or "not recorded")]
        for name, value in card["governance"].items()
    ]
    yield from _section("Governance", table(["", ""], rows))
    yield from _section("Limits", [f"- {escaped(limit)}" for limit in card["limits"]] or ["None is known."])
    yield from _section("Verdict", _verdict(card["verdict"]))
    evaluation = card["evaluation"]
    heads, cells = comparison(evaluation["metrics"])
    champion, golden = (escaped(evaluation[role] or "(none)") for role in ("champion", "golden"))
    against = f"Champion version {champion}, golden version {golden}."
    intro = [f"{evaluation['rows']:,} labelled test rows, two-sided 90 % intervals. {against}", ""]
    yield from _section("Metrics", [*intro, *table(heads, [[escaped(cell) for cell in row] for row in cells])])
    for name in ("slices", "fairness"):
        rules = [[f"**{r['outcome']}**", escaped(r["rule"]), escaped(r["reason"])] for r in card[name]]
        yield from _section(name.capitalize(), table(["", "Rule", "Reason"], rules) if rules else ["No rule."])
    yield from _section("Figures", [f"![{escaped(title)}](<{name}>)" for name, title in figures.items()] or ["None."])
    yield from _section("Data", _data(card["data"]))
    yield from _section("Model", _facts(card["model_facts"]))
    yield from _section("Approvals", _approvals(card["approvals"]))
    yield from _section("Moves", _moves(card["moves"]))
    evidence = [[escaped(item["kind"]), str(item["seq"]), code(item["hash"])] for item in card["evidence"]]
    yield from _section("Evidence", table(["Record", "Number", "Hash"], evidence))


def _section(title: str, lines: list[str]) -> Iterator[str]:
    yield from (f"## {title}", "", *lines, "")


def _verdict(verdict: Mapping[str, Any]) -> list[str]:
    policy = f"{escaped(verdict['policy'])} {code(verdict['policy_hash'])}, look {verdict['looks']} at these rows"
    rows = [[f"**{r['outcome']}**", escaped(r["rule"]), escaped(r["reason"])] for r in verdict["rules"]]
    return [f"**{verdict['outcome']}** by {policy}.", "", *table(["", "Rule", "Reason"], rows)]


def _data(data: Mapping[str, Any]) -> list[str]:
    rows = [
        [
            escaped(item["partition_key"]),
            "not recorded" if item["rows"] is None else f"{item['rows']:,}",
            escaped(item["validation"] or "not recorded"),
            code(item["snapshot_id"]),
        ]
        for item in data["snapshots"]
    ]
    test = f"Tested on partition {escaped(data['test']['partition_key'])} {code(data['test']['snapshot_id'])}."
    intro = f"Dataset {escaped(data['dataset'])}: {data['rows']:,} rows trained on,"
    return [
        f"{intro} {data['unlabelled']:,} without a label left out. {test}",
        "",
        *table(["Partition", "Rows", "Validation", "Snapshot"], rows),
    ]


def _facts(facts: Mapping[str, Any]) -> list[str]:
    shown = ("task", "function", "label", "features", "params", "seed", "operating_threshold")
    rows = [[name.replace("_", " "), escaped(facts[name])] for name in shown if facts[name] is not None]
    hashes = ("digest", "archive_sha256", "manifest_hash", "commit")
    rows += [[name.replace("_", " "), code(facts[name])] for name in hashes if facts[name] is not None]
    return table(["", ""], rows)


def _approvals(approvals: list[Mapping[str, Any]]) -> list[str]:
    rows = [
        [
            escaped(a["decision"]),
            escaped(a["approver"] or "nobody"),
            escaped(a["responded_at"] or ""),
            escaped(a["reason"]),
        ]
        for a in approvals
    ]
    return table(["Decision", "By", "At", "Reason"], rows) if rows else ["No human was asked."]


def _moves(moves: list[Mapping[str, Any]]) -> list[str]:
    rows = [
        [
            escaped(m["kind"]),
            escaped(m["outcome"]),
            escaped(m["alias"]),
            _span(m),
            escaped(m["time"][:19]),
            escaped(m["reason"] or ""),
        ]
        for m in moves
    ]
    return table(["Act", "Outcome", "Alias", "Versions", "At (UTC)", "Reason"], rows) if rows else ["None."]


def _span(move: Mapping[str, Any]) -> str:
    return f"{escaped(move['previous_version'] or 'none')} to {escaped(move['version'] or 'none')}"
