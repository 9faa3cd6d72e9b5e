"""The page of a drift verdict: what moved, how, since when, and what changed upstream just then.

It holds aggregates only: no row, no id, and no name of a category that few rows have.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.tables import Page, Table
from airflow_provider_mlops.core.drift_brief import since_words
from airflow_provider_mlops.core.drift_options import DRIFT_WORDS

if TYPE_CHECKING:
    from airflow_provider_mlops.hooks.drift_report import Gathered

_MEANING: Mapping[str, str] = {
    "FAIL": "Drift: at least one change is proved, and large enough to matter by the policy.",
    "PASS": "No drift: no change is both proved and large enough to matter.",
    "INCONCLUSIVE": "Not decided: something moved without proof, or there were too few rows to see it.",
}


def draw_page(folder: Path, found: Gathered, *, figures: bool = True) -> Page:
    """Draw the page of a verdict; its figures are written beside it and stand in it.

    :param folder: where figures are written; they are not needed once the page is saved.
    :param found: what the page shows.
    :param figures: whether it has figures.
    :return: the page.
    :raises MissingBackend: when there is nothing to draw figures with.
    """
    content = found.content
    words = DRIFT_WORDS[content["kind"]]
    page = Page(f"{content['outcome']}: {words}, {content['model']}, {content['partition_key']}")
    page.text(_headline(content), kind=content["outcome"])
    page.text(_MEANING[content["outcome"]])
    page.table(Table(("", ""), _facts(content)))
    if content["features"]:
        _add_features(page, content)
    _add_opinion(page, content)
    _add_upstream(page, content)
    if any(look["sizes"] for look in content["history"]):
        _add_history(page, folder, found, figures=figures)
    else:
        page.text("No effect was measured: there were too few rows on one side.", kind="note")
    page.heading("What was compared")
    page.table(Table(("", ""), _compared(content)))
    return page


def _add_history(page: Page, folder: Path, found: Gathered, *, figures: bool) -> None:
    page.heading("History")
    page.text(
        "What an earlier verdict saw stands here as it was, against the reference of its day.",
        kind="note",
    )
    if figures:
        _add_figures(page, folder, found)
    page.heading("All numbers")
    page.table(_history(found.content))


def _add_features(page: Page, content: Mapping[str, Any]) -> None:
    page.heading("What moved")
    heads = ("Feature", "Effect / threshold", "How", "Where", "Since", "Last clean")
    rows = [
        [f["feature"], _two_digits(f["size"]), _how(f), _where(f), _since(f), f["clean"] or ""]
        for f in content["features"]
    ]
    page.table(Table(heads, rows).filled())
    if content["more_features"]:
        page.text(f"And {content['more_features']} more features, which moved less.", kind="note")


def _add_figures(page: Page, folder: Path, found: Gathered) -> None:
    from airflow_provider_mlops.backends.figures_drift import draw_history

    path = folder / "history.png"
    draw_history(path, found.looks, _headline(found.content), _footer(found.content))
    page.figure(path, "Effect over threshold by feature and partition")
    for number, feature in enumerate(found.content["features"]):
        page.heading(feature["feature"])
        for reason in feature["reasons"]:
            page.text(reason)
        if feature["feature"] in found.columns:
            _add_column(page, folder / f"column-{number}.png", feature, found)


def _add_column(page: Page, path: Path, feature: Mapping[str, Any], found: Gathered) -> None:
    """Add the figure of a column and where it moved; nothing where a side has no value, or another kind of them."""
    from airflow_provider_mlops.backends.figures_drift import draw_categories, draw_numbers
    from airflow_provider_mlops.statistics.columns import Categories, Numbers
    from airflow_provider_mlops.statistics.drift_cause import finite

    name = feature["feature"]
    title = f"{name}: {feature['changes'][0]['text'] if feature['changes'] else 'moved'}"
    match found.columns[name]:
        case (Numbers() as was, Numbers() as now):
            sides = finite(was), finite(now)
            if min(map(len, sides)) == 0:
                return
            draw_numbers(path, name, *sides, title, _footer(found.content))
        case (Categories() as was, Categories() as now):
            if min(was.counts.total(), now.counts.total()) == 0:
                return
            draw_categories(path, name, was.counts, now.counts, title, _footer(found.content))
        case _:
            return
    page.figure(path, title)
    parts = [
        [_part(item), item["n_reference"], item["n_current"], _two_digits(item["size"]), "; ".join(item["how"])]
        for item in feature["slices"]
    ]
    page.table(Table(("Where it moved", "Rows before", "Rows now", "Effect / threshold", "How"), parts))


def _add_opinion(page: Page, content: Mapping[str, Any]) -> None:
    if (opinion := content["opinion"]) is None:
        return
    page.heading("A second opinion, which decides nothing")
    said = "drift" if opinion["drift"] else "no drift"
    rows = (opinion["rows"][0], opinion["rows"][1])
    page.text(f"{opinion['backend']} says {said}: {opinion['method']}, on {rows[0]:,} rows against {rows[1]:,}.")
    facts = [("p-value", opinion["p_value"]), ("Statistic", opinion["distance"])]
    facts += [(name.replace("_", " "), str(value)) for name, value in opinion["details"].items()]
    page.table(Table(("", ""), [fact for fact in facts if fact[1] is not None]))


def _add_upstream(page: Page, content: Mapping[str, Any]) -> None:
    for part in content["upstream"]:
        page.heading(f"Upstream, between {part['clean']} and {part['drifted']}")
        page.text(
            f"{', '.join(part['features'])} drifted from {part['drifted']} on{_first(part, content)}.", kind="note"
        )
        rows = [[item["words"], item["before"], item["after"]] for item in part["changes"]]
        if rows:
            page.table(Table(("Changed", "Before", "After"), rows))
        else:
            page.text(
                "Nothing that the records know changed just then: source, query, code, schema and suite are as before."
            )
        runs = [_run(part["clean"], item) for item in part["clean_runs"]]
        runs += [_run("between", item) for item in part["acts"]]
        runs += [_run(part["drifted"], item) for item in part["drifted_runs"]]
        page.table(Table(("Partition", "Did", "Dag", "Run", "Time (UTC)"), runs))
    if content["events"]:
        page.heading("Asset events that started this run")
        rows = [[item["asset"], item["dag_id"] or "", item["run_id"] or "", item["time"]] for item in content["events"]]
        page.table(Table(("Asset", "Dag", "Run", "Time"), rows))


def _first(part: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    """Say where a drift may be older: none of its features was seen clean before."""
    seen = [item["clean"] for item in content["features"] if item["feature"] in part["features"]]
    return "" if any(seen) else " or earlier: it is the first partition that was looked at"


def _since(feature: Mapping[str, Any]) -> str:
    return since_words(feature).removeprefix("since ")


def _run(partition: str, item: Mapping[str, Any]) -> list[str]:
    return [partition, item["did"], item["dag_id"] or "", item["run_id"] or "", item["time"][:19]]


def _headline(content: Mapping[str, Any]) -> str:
    names = [item["feature"] for item in content["features"]]
    if not names:
        kind = DRIFT_WORDS[content["kind"]]
        told = {"PASS": f"No {kind}", "FAIL": f"{kind[0].upper()}{kind[1:]}"}
        return f"{told.get(content['outcome'], 'Nothing is decided')} in {content['partition_key']}"
    more = len(names) - 3 + content["more_features"]
    listed = ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")
    first = content["features"][0]
    return f"{listed} drifted in {content['partition_key']}; {first['feature']} {since_words(first)}"


def _how(feature: Mapping[str, Any]) -> str:
    return "; ".join(change["text"] for change in feature["changes"])


def _where(feature: Mapping[str, Any]) -> str:
    return ", ".join(_part(item) for item in feature["slices"])


def _part(item: Mapping[str, Any]) -> str:
    return f"{item['column']} = {item['value']}"


def _facts(content: Mapping[str, Any]) -> list[tuple[str, Any]]:
    facts = (
        ("Kind", content["kind"]),
        ("Dataset", content["dataset"]),
        ("Partition", content["partition_key"]),
        ("Version of the champion", content["champion_version"]),
    )
    return [(name, value) for name, value in facts if value]


def _compared(content: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Name everything that the verdict rests on by its hash."""
    facts = (
        ("Hash of the policy", content["policy_hash"]),
        ("Snapshots that were judged", ", ".join(content["snapshot_ids"])),
        ("Snapshots of the reference", ", ".join(content["reference_snapshot_ids"])),
        *_profiles(content),
    )
    return [(name, value) for name, value in facts if value]


def _profiles(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Say that no rows were read, and which profiles were."""
    if not (judged := content.get("profiles")):
        return []
    hashes = {part: ", ".join(item["profile"] for item in judged[part]) for part in ("current", "reference")}
    return [
        ("Judged on", "stored profiles: no row was read, figures and words come from their bins"),
        ("Profiles that were judged", hashes["current"]),
        ("Profiles of the reference", hashes["reference"]),
    ]


def _footer(content: Mapping[str, Any]) -> str:
    return (
        f"{content['model']}  ·  {content['dataset']} {content['partition_key']}  ·  reference: champion version "
        f"{content['champion_version']}"
    )


def _history(content: Mapping[str, Any]) -> Table:
    names = sorted({name for look in content["history"] for name in look["sizes"]})
    keys = [look["partition_key"] for look in content["history"]][-12:]
    by_key = {look["partition_key"]: look["sizes"] for look in content["history"]}
    rows = [[name, *(_two_digits(by_key[key].get(name)) for key in keys)] for name in names]
    return Table(("Effect / threshold", *keys), rows)


def _two_digits(size: float | None) -> float | None:
    return None if size is None else round(size, 2)
