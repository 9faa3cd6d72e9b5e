"""The documentation says what the code does: every public thing has a page, and every example runs."""

import ast
import importlib
import inspect
import json
import re
import runpy
import tomllib
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.cli.cli_config import ActionCommand, GroupCommand
from airflow.sdk import DAG, Asset, BaseNotifier, BaseOperatorLink, BaseSensorOperator
from airflow.triggers.base import BaseEventTrigger

import airflow_provider_mlops
from airflow_provider_mlops import assets
from airflow_provider_mlops.backends.duckdb_judge import COMPILED
from airflow_provider_mlops.backends.suite_file import load_suite
from airflow_provider_mlops.cli.definition import get_mlops_cli_commands
from airflow_provider_mlops.core.alias_moves import KINDS as MOVES
from airflow_provider_mlops.core.drift_policy import EFFECTS, Correction
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.embedded import __main__ as embedded
from airflow_provider_mlops.get_provider_info import get_provider_info
from airflow_provider_mlops.operators.base import MLOpsOperator
from airflow_provider_mlops.statistics.metrics import METRICS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PACKAGE = Path(airflow_provider_mlops.__file__).parent
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
TEXTS = [*PAGES, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docker/README.md"))]
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))
FENCE = re.compile(r"^(`{3,}|:{3,})(.*?)\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    """Name a file in the id of a test."""
    return path.relative_to(ROOT).as_posix()


def text_of(path: Path) -> str:
    """Read a page."""
    return path.read_text(encoding="utf-8")


def fences(path: Path, language: str) -> list[str]:
    """Return the code blocks of a language in a page."""
    return [body for _, info, body in FENCE.findall(text_of(path)) if info.strip() == language]


def marked(source: Path, name: str) -> str:
    """Return what stands between the markers of a source file."""
    text = text_of(source)
    return text.partition(f"# [START {name}]\n")[2].partition(f"# [END {name}]")[0]


def code_words(*pages: Path) -> set[str]:
    """Return what pages set as code, and each part of it that is a name."""
    spans = {span for page in pages for span in re.findall(r"`([^`\n]+)`", text_of(page))}
    return spans | {word for span in spans for word in re.findall(r"[\w.-]+", span)}


def includes(page: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield the files that a page includes, with the options."""
    for _, info, body in FENCE.findall(text_of(page)):
        if info.startswith("{literalinclude}"):
            target = (page.parent / info.removeprefix("{literalinclude}").strip()).resolve()
            yield target, dict(re.findall(r'^:([\w-]+): "?(.*?)"?$', body, re.MULTILINE))


def public_classes(folder: str, base: type) -> list[str]:
    """Return the dotted names of the classes of a kind, from the files on disk."""
    found = []
    for path in sorted((PACKAGE / folder).glob("[!_]*.py")):
        module = importlib.import_module(f"airflow_provider_mlops.{folder}.{path.stem}")
        found += [
            f"{module.__name__}.{name}"
            for name, value in vars(module).items()
            if inspect.isclass(value) and issubclass(value, base) and value.__module__ == module.__name__
            if not name.startswith("_")
        ]
    return found


def lock_version(lock: str, name: str) -> str:
    """Return the version that a lock file names."""
    found = re.search(rf"^{name}==([\w.]+)", text_of(ROOT / lock), re.MULTILINE)
    assert found, name
    return found.group(1)


def test_the_readme_shows_the_dag_that_runs() -> None:
    """The example of the README is the marked block of the reference Dag, character by character."""
    assert fences(ROOT / "README.md", "python") == [
        marked(ROOT / "dags" / "flight_delays_lifecycle.py", "howto_model_lifecycle")
    ]


def test_the_readme_starts_with_the_two_commands() -> None:
    """What a newcomer types first stands first, and the Makefile knows it."""
    first = fences(ROOT / "README.md", "console")[0]
    targets = re.findall(r"^\$ make (\w+)", first, re.MULTILINE)

    assert targets == ["demo", "test"]
    assert all(re.search(rf"^{target}:", text_of(ROOT / "Makefile"), re.MULTILINE) for target in targets)


def test_every_make_command_that_is_named_exists() -> None:
    """No page promises a command that the Makefile does not have."""
    known = set(re.findall(r"^([\w-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = {
        target
        for path in TEXTS
        for line in re.findall(r"(?:^\$ |`)make ([a-z][a-z -]*)", text_of(path), re.MULTILINE)
        for target in line.split()
    }

    assert named <= known


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_included_part_exists(page: Path) -> None:
    """An include names a file that is there, and markers that stand in it."""
    for target, options in includes(page):
        assert target.is_file(), target
        for option in ("start-after", "end-before", "start-at"):
            assert options.get(option, "") in text_of(target), options[option]


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_every_link_to_a_file_leads_there(path: Path) -> None:
    """Links between pages and into the repository resolve, also for readers who have not built the pages."""
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text_of(path))
    local = [link for link in links if "://" not in link]

    assert [link for link in local if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_python_in_the_pages_is_python(path: Path) -> None:
    """Every Python block parses."""
    for block in fences(path, "python"):
        ast.parse(block)


def test_the_suite_in_the_pages_is_a_suite(tmp_path: Path) -> None:
    """The YAML block of the page on suites loads."""
    for block in fences(DOCS / "how-to" / "suite.md", "yaml"):
        (tmp_path / "suite.yaml").write_text(block, encoding="utf-8")
        assert load_suite(tmp_path / "suite.yaml")["expectations"]


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_every_example_runs(example: Path) -> None:
    """Examples import without error, their Dags have tasks, and a page shows each of them."""
    names = runpy.run_path(str(example))
    dags = [value for value in names.values() if isinstance(value, DAG)]

    assert all(dag.task_dict for dag in dags)
    assert any(target == example for page in PAGES for target, _ in includes(page))


def test_the_example_uses_every_operator() -> None:
    """One Dag file shows all of them."""
    text = text_of(DOCS / "examples" / "one_by_one.py")
    used = public_classes("operators", MLOpsOperator) + public_classes("sensors", BaseSensorOperator)

    assert [name for name in used if name.endswith(("Operator", "Sensor"))]
    assert [name for name in used if f"{name.rpartition('.')[2]}(" not in text and "base" not in name] == []


@pytest.mark.parametrize("name", [n for n in public_classes("operators", MLOpsOperator) if ".base." not in n])
def test_every_operator_has_a_page_with_an_example(name: str) -> None:
    """The page has the docstring, an example that is tested, and says what each mode does."""
    pages = [page for page in (REFERENCE / "operators").glob("*.md") if f"autoclass:: {name}\n" in text_of(page)]

    assert len(pages) == 1
    (target, options) = next(includes(pages[0]))
    block = marked(target, options["start-after"].removeprefix("# [START ").removesuffix("]"))
    assert f"{name.rpartition('.')[2]}(" in block
    assert {mode.value for mode in Mode} <= set(re.findall(r"\w+", text_of(pages[0])))


@pytest.mark.parametrize(
    ("folder", "base", "page"),
    [
        ("sensors", BaseSensorOperator, "sensors.md"),
        ("triggers", BaseEventTrigger, "triggers.md"),
        ("links", BaseOperatorLink, "links.md"),
        ("notifications", BaseNotifier, "notifications.md"),
        ("decorators", MLOpsOperator, "decorators.md"),
    ],
)
def test_every_other_class_has_an_example_and_its_docstring(folder: str, base: type, page: str) -> None:
    """Sensors, triggers, links and decorators are documented like operators."""
    names = public_classes(folder, base)

    assert names
    assert [name for name in names if f"autoclass:: {name}\n" not in text_of(REFERENCE / page)] == []
    assert list(includes(REFERENCE / page))


def test_every_task_group_is_documented() -> None:
    """Each public function of the module has its docstring on the page."""
    module = importlib.import_module("airflow_provider_mlops.task_groups.lifecycle")
    public = [
        f"{module.__name__}.{name}"
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
    page = text_of(REFERENCE / "task-groups.md")

    assert public
    assert [name for name in public if f"autofunction:: {name}\n" not in page] == []


def test_every_option_is_documented() -> None:
    """Configuration options with their variable, and the fields of the connection."""
    info = get_provider_info()
    configuration = code_words(REFERENCE / "configuration.md")
    for section, content in info["config"].items():
        for option in content["options"]:
            assert {option, f"AIRFLOW__{section}__{option}".upper()} <= configuration
    for connection in info["connection-types"]:
        fields = {connection["connection-type"], *connection["conn-fields"]}
        assert fields <= code_words(REFERENCE / "connection.md")


def test_every_kind_of_record_is_documented() -> None:
    """What is appended anywhere, and moves of an alias, are the headings of the page, no others."""
    appended = {
        keyword.value.value
        for folder in ("core", "operators", "hooks", "cli")
        for path in (PACKAGE / folder).glob("*.py")
        for call in ast.walk(ast.parse(text_of(path)))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "append"
        for keyword in call.keywords
        if keyword.arg == "kind" and isinstance(keyword.value, ast.Constant)
    }

    assert appended | set(MOVES) == set(re.findall(r"^### (\w+)$", text_of(REFERENCE / "records.md"), re.MULTILINE))


def test_every_asset_is_documented() -> None:
    """Assets, aliases, and what their events carry."""
    words = code_words(REFERENCE / "assets.md")
    made = [name for name, value in vars(assets).items() if inspect.isfunction(value)]
    text = text_of(REFERENCE / "assets.md")

    assert [name for name in made if f"assets.{name}(" not in text] == []
    assert set(re.findall(r"``\"?(\w+)\"?``", assets.__doc__ or "")) - {"PartitionedAssetTimetable", "extra"} <= words
    assert isinstance(assets.drift("m"), Asset)


def schema_words(name: str) -> set[str]:
    """Return the keys and the fixed values that a policy's schema allows."""

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from node.get("properties", ())
            yield from (value for value in node.get("enum", ()) if isinstance(value, str))
            for value in node.values():
                yield from walk(value)
        elif isinstance(node, list):
            for value in node:
                yield from walk(value)

    return set(walk(json.loads(text_of(PACKAGE / "backends" / "schemas" / name))))


@pytest.mark.parametrize(
    ("page", "schema", "more"),
    [
        ("gate-policy.md", "policy.schema.json", METRICS),
        ("drift-policy.md", "drift_policy.schema.json", (*EFFECTS, *Correction)),
        ("retrain-policy.md", "retrain_policy.schema.json", ()),
        ("performance-policy.md", "performance_policy.schema.json", ()),
    ],
)
def test_every_policy_key_is_documented(page: str, schema: str, more: Iterable[str]) -> None:
    """Keys, kinds, metrics, effects and corrections."""
    assert {*schema_words(schema), *map(str, more)} - code_words(REFERENCE / page) == set()


def test_every_extra_is_documented() -> None:
    """README and reference name each extra; the licence notice stands in both."""
    extras = set(tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]["optional-dependencies"])

    assert extras <= code_words(ROOT / "README.md")
    assert extras <= code_words(REFERENCE / "extras.md")
    assert "Business Source Licence 1.1" in text_of(ROOT / "README.md")
    assert "Business Source Licence 1.1" in text_of(DOCS / "policy" / "licences.md")


def test_compiled_expectations_are_documented() -> None:
    """The table of the suite's page names each expectation that is judged in one scan, and no other."""
    table = text_of(REFERENCE / "suite.md").split("## Compiled expectations")[1].split("```")[0]

    assert set(re.findall(r"`(expect_\w+)`", table)) == COMPILED


def commands(group: Iterable[ActionCommand | GroupCommand], prefix: str) -> Iterator[tuple[str, ActionCommand]]:
    """Yield the commands below a group, with their full names."""
    for command in group:
        name = f"{prefix} {command.name}"
        if isinstance(command, GroupCommand):
            yield from commands(command.subcommands, name)
        else:
            yield name, command


def test_every_command_is_documented() -> None:
    """Each command of ``airflow mlops`` is a heading, each of its options is named."""
    text = text_of(REFERENCE / "cli.md")
    for name, command in commands(get_mlops_cli_commands(), "airflow"):
        assert re.search(rf"^## {name}\b", text, re.MULTILINE), name
        assert all(flag in text for arg in command.args for flag in arg.flags if flag.startswith("--"))


def test_every_option_of_the_embedded_airflow_is_documented() -> None:
    """The commands and options of ``python -m airflow_provider_mlops.embedded``."""

    def flags(parser: ArgumentParser) -> Iterator[str]:
        for action in parser._actions:
            if isinstance(action, _SubParsersAction):
                for name, child in action.choices.items():
                    yield name
                    yield from flags(child)
            else:
                yield from (flag for flag in action.option_strings if flag.startswith("--"))

    text = text_of(REFERENCE / "embedded.md")

    assert [flag for flag in flags(embedded._parser()) if flag not in text and flag != "--help"] == []


def test_the_tested_versions_are_those_of_the_locks() -> None:
    """The page on compatibility does not lag behind the lock files."""
    text = text_of(DOCS / "policy" / "compatibility.md")
    names = ["apache-airflow", "mlflow", "great-expectations", "scikit-learn", "skops", "pandas", "numpy", "pyarrow"]
    tested = [lock_version("requirements.lock", name) for name in [*names, "alibi-detect"]]
    tested.append(lock_version("requirements-oldest.lock", "apache-airflow"))

    assert [version for version in tested if version not in text] == []


def test_every_decision_is_listed() -> None:
    """Each decision has context, choice and consequence, and stands in the index."""
    pages = sorted(page for page in (DOCS / "adr").glob("0*.md"))
    index = text_of(DOCS / "adr" / "index.md")

    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        assert page.stem in index
        assert all(f"**{part}.**" in text_of(page) for part in ("Context", "Choice", "Consequence"))


def test_the_example_of_a_policy_judges(tmp_path: Path) -> None:
    """What the page on policies shows runs: the same scores twice are not worse by any margin."""
    import numpy as np

    rng = np.random.default_rng(7)
    labels = rng.integers(0, 2, 6_000)
    scores = np.clip(0.3 * labels + 0.7 * rng.random(6_000), 0, 1)
    try_policy = runpy.run_path(str(DOCS / "examples" / "try_policy.py"))["try_policy"]

    origins = np.repeat(["EWR", "JFK"], 3_000)
    file = tmp_path / "policy.yaml"
    file.write_text(
        "schema: 1\nname: tried\nrules:\n"
        "  - {name: least, kind: minimum, metric: roc_auc, value: 0.6}\n"
        "  - {name: each, kind: non_inferior, metric: roc_auc, margin: 0.03, slice: origin}\n"
    )
    lines = try_policy(file, labels, scores, scores, origins)

    assert lines[0].startswith("PASS")
    assert len(lines) == 1 + 1 + 2
    # What the reference policy asks besides needs an evaluation: without it nothing passes.
    assert try_policy(ROOT / "include/flights/policy.yaml", labels, scores, scores, origins)[0].startswith(
        "INCONCLUSIVE"
    )
