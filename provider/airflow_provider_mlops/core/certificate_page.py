"""A certificate as Markdown, and the tables that its HTML page shows; whatever data or people wrote is escaped."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_mlops.core.certificate import LEVELS, MEANINGS, Cause
from airflow_provider_mlops.core.markdown import code, escaped, table
from airflow_provider_mlops.core.replay import Level

NOT_ON_RECORD = "Not on record"
BASES = ("Version", "Fit", "Trained again", "Manifest")
_FACTS = {
    "image": "Container image",
    "python": "Other interpreter",
    "env_names": "Environment variables",
    "determinism": "Determinism",
    "search": "Search",
}
PROVES_NOT = (
    "that the recorded data were right, complete or lawfully collected",
    "that the model is good: it proves what was decided, not that the decision was wise",
    "anything about code, data or environments that no record names",
    "that no file took part which a library in C (Arrow, DuckDB, SQLite) or another process has read: none is recorded",
    "who wrote the records, where the ledger is not signed",
)


def title_of(certificate: Mapping[str, Any]) -> str:
    """Return the title: the outcome, and what it is about.

    :param certificate: as `core.certificate.build_certificate` makes it.
    """
    version = f"version {certificate['version']}" if certificate["version"] else "never registered"
    outcome, level = certificate["verdict"]["outcome"], certificate["level"]
    return f"{outcome}, {level}: {certificate['model']}, {version}, partition {certificate['partition_key']}"


def summary_of(certificate: Mapping[str, Any]) -> str:
    """Say in one sentence how far the replay agrees.

    :param certificate: as `core.certificate.build_certificate` makes it.
    """
    absent = {Cause.DATA_MISSING, Cause.DATA_PRUNED}.intersection(item["cause"] for item in certificate["differences"])
    if absent and certificate["level"] == Level.NONE:
        return "It could not be replayed: data that the records name are not there."
    meaning = next(text for level, text in MEANINGS.items() if level.value == certificate["level"])
    return f"Trained, scored and judged again from the records, it gave {meaning}."


def check_rows(certificate: Mapping[str, Any]) -> list[Sequence[str]]:
    """Return a row of outcome, check and reason for every check.

    :param certificate: as `core.certificate.build_certificate` makes it.
    """
    return [(rule["outcome"], rule["rule"], rule["reason"]) for rule in certificate["verdict"]["rules"]]


def fact_rows(certificate: Mapping[str, Any]) -> list[Sequence[str]]:
    """Return a row of what and text for what is known of the training beside what was compared.

    :param certificate: as `core.certificate.build_certificate` makes it.
    """
    shown = certificate["figures"].get("training") or {}
    return [(_FACTS[name], text) for name, text in shown.items() if name in _FACTS]


def record_rows(certificate: Mapping[str, Any]) -> list[Sequence[str]]:
    """Return a row of what, outcome, number and hash for every record that is cited.

    :param certificate: as `core.certificate.build_certificate` makes it.
    """
    return [
        (name, item["outcome"] or "", str(item["seq"]), item["hash"]) for name, item in certificate["records"].items()
    ]


def base_rows(certificate: Mapping[str, Any]) -> list[Sequence[str]]:
    """Return a row of version, fit, level and manifest for every base of the model, the root first.

    :param certificate: as `core.certificate.build_certificate` makes it.
    :return: the rows; none where the model was fitted in full.
    """
    return [
        (str(item["version"] or "unregistered"), item["fit"] or "", item["level"] or "fetched", item["manifest_hash"])
        for item in certificate["figures"].get("bases", ())
    ]


def certificate_markdown(certificate: Mapping[str, Any], digest: str) -> str:
    """Write a certificate as Markdown.

    :param certificate: as `core.certificate.build_certificate` makes it.
    :param digest: its hash.
    :return: the page; the same certificate gives the same text.
    """
    return "\n".join([*_lines(certificate), f"Certificate {code(digest)}", ""])


def _lines(certificate: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {escaped(title_of(certificate))}"
    yield ""
    yield escaped(summary_of(certificate))
    yield ""
    rows = [[f"**{outcome}**", escaped(rule), escaped(reason)] for outcome, rule, reason in check_rows(certificate)]
    yield from _section("Checks", table(["Outcome", "Check", "Finding"], rows))
    differences = [[escaped(item["cause"]), escaped(item["detail"])] for item in certificate["differences"]]
    yield from _section("Not as recorded", table(["Cause", "What"], differences) if differences else ["Nothing."])
    if bases := [[*map(escaped, plain), code(digest)] for *plain, digest in base_rows(certificate)]:
        yield from _section("Bases", table(BASES, bases))
    if facts := [[escaped(what), escaped(text)] for what, text in fact_rows(certificate)]:
        yield from _section("The training", table(["", "As recorded"], facts))
    if unproved := certificate.get("not_on_record"):
        yield from _section(NOT_ON_RECORD, [f"- {escaped(line)}" for line in unproved])
    records = [
        [escaped(what), escaped(outcome), seq, code(digest)] for what, outcome, seq, digest in record_rows(certificate)
    ]
    yield from _section("Records", table(["Record", "Outcome", "Number", "Hash"], records))
    levels = [[level.value, escaped(MEANINGS[level])] for level in LEVELS]
    yield from _section("Levels", table(["Level", "The replay gives"], levels))
    yield from _section("What it does not prove", [f"- {line}" for line in PROVES_NOT])


def _section(title: str, lines: list[str]) -> Iterator[str]:
    yield from (f"## {title}", "", *lines, "")
