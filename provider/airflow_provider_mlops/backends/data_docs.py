"""Data Docs of a validation: one page, rendered by Great Expectations, that needs no network and runs no script."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.great_expectations import library
from airflow_provider_mlops.backends.tables import Page, Table
from airflow_provider_mlops.core.expectation import MAX_SHOWN_TEXT
from airflow_provider_mlops.core.suite import QUARANTINE
from airflow_provider_mlops.core.suite_verdict import findings
from airflow_provider_mlops.core.verdict import Verdict

# The renderers escape some values and not others, and substitute `$`: what could be markup travels as these signs of
# Unicode's private use, and becomes HTML again when everything is rendered.
_DISGUISES = {"<": "\ue000", ">": "\ue001", "&": "\ue002", '"': "\ue003", "'": "\ue004", "$": "\ue005", "`": "\ue006"}
_DISGUISE = str.maketrans({**dict.fromkeys(_DISGUISES.values(), "\ufffd"), **_DISGUISES})
_ENTITIES = str.maketrans({sign: f"&#{ord(plain)};" for plain, sign in _DISGUISES.items()})
_KEPT_TAGS = frozenset(
    {*("div", "span", "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "small")}
    | {*("table", "thead", "tbody", "tr", "th", "td", "strong", "em", "b", "i", "code", "pre")}
)
_EXAMPLES = 5
_LISTED = 100
"""Arguments of a list, such as allowed values or columns, that a page shows."""
_VOID_TAGS = frozenset({"br", "hr"})
_LEVELS = {"h4": "h3", "h5": "h3", "h6": "h3"}  # below the page's own headings, without a gap
_DROPPED_WITH_CONTENT = frozenset({"script", "style", "head", "title", "template", "svg", "iframe", "object", "button"})
_CLASS = re.compile(r"[\w\- ]*")
_STYLE = """
.ge-section{border-top:1px solid var(--line);padding:.4em 0;margin-top:1em}
h3{font-size:1em;margin:.2em 0;overflow-wrap:anywhere}
.badge{border:1px solid var(--soft);border-radius:.6em;padding:0 .5em;font-size:.85em}
i.fa-check-circle::before{content:"\\2714"}i.fa-times::before{content:"\\2716"}
i.fa-exclamation-triangle::before{content:"\\26A0"}i{font-style:normal}
.text-success{color:var(--pass)}.text-danger,.text-warning{color:var(--fail)}.hide-succeeded-validations{display:none}
"""


def write_data_docs(
    path: Path, report: Mapping[str, Any], verdict: Verdict, facts: Sequence[tuple[str, Any]], title: str
) -> None:
    """Write the page of a validation.

    :param path: the HTML file.
    :param report: the full result, as `core.suite_report.gx_shaped` returns it.
    :param verdict: the verdict.
    :param facts: names and values for the table at the top.
    :param title: title of the page.
    """
    page = Page(f"{verdict.outcome.value}: {title}")
    page.text(verdict.summary(), kind=verdict.outcome.value)
    page.table(Table(("", ""), [[name, value] for name, value in facts]))
    if told := findings(verdict):
        page.heading("Findings")
        rows = [[rule.rule, rule.outcome.value, rule.reason[:500]] for rule in told]
        page.table(Table(("Rule", "Outcome", "Reason"), rows))
    if examples := _examples(report):
        page.heading("Of the values that were set aside")
        page.table(Table(("Expectation", "Column", "Values"), examples))
    page.heading("Every expectation")
    page.parts.append(f"<style>{_STYLE}</style>")
    page.parts.append(_rendered(report))
    page.text(f"In the words of Great Expectations {library().__version__}.", kind="note")
    page.save(path)


def _examples(report: Mapping[str, Any]) -> list[list[Any]]:
    """Return a few values that quarantined expectations found before their rows were set aside."""
    rows = []
    for item in report.get("before_quarantine", ()):
        config, values = item["expectation_config"], item["result"]["partial_unexpected_list"][:_EXAMPLES]
        if config["severity"] == QUARANTINE and values:
            column = config["kwargs"].get("column", "")
            rows.append([config["type"], column, ", ".join(str(value)[:MAX_SHOWN_TEXT] for value in values)])
    return rows


def _rendered(report: Mapping[str, Any]) -> str:
    """Let the renderers of Great Expectations write the results, and keep of it what is a plain document."""
    version = library().__version__
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    results = [_gx_result(item) for item in report["results"]]
    result = ExpectationSuiteValidationResult(
        success=report["success"],
        results=results,
        suite_name=_plain(report["suite_name"]),
        statistics=dict(report["statistics"]),
        meta={"great_expectations_version": version},
    )
    document = ValidationResultsPageRenderer(run_info_at_end=True).render(result)
    # What it says of run and data asset, which it does not know, stands above: of the first section the counts stay.
    overview, *_ = document.sections
    overview.content_blocks = [block for block in overview.content_blocks if block.content_block_type != "header"]
    document.sections = document.sections[:-1]
    html = DefaultJinjaPageView().render(document, template="page_minimal.j2")
    keeper = _Keeper()
    keeper.feed(html)
    keeper.close()
    text = "".join(keeper.parts).translate(_ENTITIES)
    for plain, sign in _DISGUISES.items():  # where a renderer shows the representation of a list
        text = text.replace(ascii(sign)[1:-1], f"&#{ord(plain)};")
    return text


def _gx_result(item: Mapping[str, Any]) -> Any:
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    config, info, found = item["expectation_config"], item["exception_info"], dict(item["result"])
    if not {"unexpected_percent", "element_count"} <= set(found):  # the renderers take them for granted
        found = {name: value for name, value in found.items() if name == "observed_value"}
    return ExpectationValidationResult(
        success=item["success"],
        expectation_config=ExpectationConfiguration(type=config["type"], kwargs=_plain(config["kwargs"]), meta={}),
        result=_plain(found),
        exception_info={
            **info,
            "exception_message": _plain(info["exception_message"] or ""),
            "exception_traceback": "",
        },
    )


def _plain(value: Any) -> Any:
    """Cut texts and lists, and disguise what a page could take for markup."""
    if isinstance(value, str):
        cut = value if len(value) <= MAX_SHOWN_TEXT else f"{value[:MAX_SHOWN_TEXT]}..."
        return "".join(sign if sign.isprintable() else " " for sign in cut).translate(_DISGUISE)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        more = [f"and {len(value) - _LISTED:,} more"] if len(value) > _LISTED else []
        return [*map(_plain, value[:_LISTED]), *more]
    return value


class _Keeper(HTMLParser):
    """Keeps text, and of the tags those that only lay text out; classes are the only attributes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self._dropped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED_WITH_CONTENT:
            self._dropped += 1
        elif tag in _KEPT_TAGS and not self._dropped:
            names, tag = dict(attrs).get("class") or "", _LEVELS.get(tag, tag)
            self.parts.append(f'<{tag} class="{names}">' if names and _CLASS.fullmatch(names) else f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED_WITH_CONTENT:
            self._dropped = max(0, self._dropped - 1)
        elif tag in _KEPT_TAGS and tag not in _VOID_TAGS and not self._dropped:
            self.parts.append(f"</{_LEVELS.get(tag, tag)}>")

    def handle_data(self, data: str) -> None:
        if not self._dropped:
            self.parts.append(data.replace("<", "&lt;").replace(">", "&gt;"))

    def handle_entityref(self, name: str) -> None:
        if not self._dropped:
            self.parts.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        if not self._dropped:
            self.parts.append(f"&#{name};")
