"""Policy files: the example of the design, and errors that name file, place, value and what is allowed."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from airflow_provider_mlops.backends.policy_file import SCHEMAS, load_drift_policy, load_policy
from airflow_provider_mlops.core.drift_policy import EFFECTS, Correction
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.rules import KINDS
from airflow_provider_mlops.statistics.metrics import METRICS
from airflow_provider_mlops.statistics.rule_checks import check_rule

GATE = """
schema: 1
name: flight_delays
alpha: 0.05            # one-sided
rules:
  - {name: enough_rows, kind: min_rows, rows: 5000, positives: 500}
  - {name: auc_minimum, kind: minimum, metric: roc_auc, value: 0.60}
  - {name: brier_maximum, kind: maximum, metric: brier, value: 0.2}
  - {name: auc_non_inferior, kind: non_inferior, metric: roc_auc, margin: 0.01}
  - {name: auc_by_origin, kind: non_inferior, metric: roc_auc, margin: 0.03, slice: origin, min_rows: 500}
  - {name: looks, kind: max_looks, value: 3}
"""
DRIFT = """
schema: 1
name: flights
correction: holm
min_rows: 1000
thresholds: {ks: 0.15, missing: 0.02}
features: {temp: {ks: 0.4}}
max_drifted_share: 0.1
ignore: [flight_id]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_policy_of_the_design_loads(tmp_path: Path) -> None:
    """Comments and flow style change nothing."""
    policy = load_policy(write(tmp_path, GATE))

    assert policy.name == "flight_delays"
    assert [rule.kind for rule in policy.rules][-1] == "max_looks"
    assert load_policy(write(tmp_path, "# other comment\n" + GATE)).hash == policy.hash


def test_a_drift_policy_loads(tmp_path: Path) -> None:
    """Every key is read."""
    policy = load_drift_policy(write(tmp_path, DRIFT))

    assert (policy.correction, policy.min_rows, policy.ignore) == (Correction.HOLM, 1_000, ("flight_id",))
    assert policy.thresholds_of("temp")["ks"] == 0.4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("alpha: 0.05", "alhpa: 0.05", r"\$ has the unknown key 'alhpa'; valid keys: schema, name, alpha, rules"),
        ("alpha: 0.05", "alpha: 0.7", r"\$\.alpha is 0\.7; it must be below 0\.5"),
        ("alpha: 0.05", "alpha: .nan", "alpha must be a finite number, not nan"),
        ("schema: 1", "schema: 2", r"\$\.schema is 2; allowed: 1"),
        ("margin: 0.01", "margni: 0.01", r"\$\.rules\[3\] has the unknown key 'margni'"),
        (", margin: 0.01", "", r"\$\.rules\[3\] lacks the key 'margin'"),
        ("margin: 0.01", "margin: -1", r"\$\.rules\[3\]\.margin is -1; it must be above 0"),
        ("kind: max_looks", "kind: looks", r"\$\.rules\[5\]\.kind is 'looks'; allowed: min_rows, max_looks"),
        ("metric: brier", "metric: breir", r"\$\.rules\[2\]\.metric is 'breir'; allowed: roc_auc, "),
        ("metric: brier", "metric: breir", "or the import path package.module:function of one's own"),
        ("schema: 1", "schema: 1\ndependence: {day: x}", "allowed: a mapping with cluster, or a mapping with time"),
        ("slice: origin", "slice: origin, values: 7", "values is 7; allowed: a text, or a list of them"),
        ("slice: origin", "slice: origin, threshold: best", "is 'best'; allowed: a number, or operating"),
        ("rows: 5000", "rows: many", r"\$\.rules\[0\]\.rows is 'many'; it must be of the type integer"),
        ("rows: 5000", "rows: 2013-01-01", r"\$\.rules\[0\]\.rows is datetime"),
        ("name: looks", "name: enough_rows", "two rules named 'enough_rows'"),
        ("schema: 1", "schema: 1\nschema: 1", "line 3: the key 'schema' is there twice"),
        ("value: 0.60}", "value: 0.60, value: 0.1}", "the key 'value' is there twice"),
        ("schema: 1", "schema: [1", "not valid YAML"),
        ("schema: 1", "schema: !!python/object/apply:os.getcwd []", "not valid YAML"),
    ],
)
def test_an_error_names_file_place_and_way_out(tmp_path: Path, old: str, new: str, message: str) -> None:
    """Whoever edits the file finds the place at once."""
    path = write(tmp_path, GATE.replace(old, new, 1))
    with pytest.raises(BadInput, match=message) as caught:
        load_policy(path)

    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "just text", "1", "a: &a [*a]\n", "? [1, 2]\n: 3\n", "\x00"])
def test_what_is_no_policy_is_refused(tmp_path: Path, text: str) -> None:
    """Empty files, lists, circles and noise."""
    for load in (load_policy, load_drift_policy):
        with pytest.raises(BadInput):
            load(write(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        "!!map [a, b]\n",
        "alpha: !!int ''\n",
        "alpha: !!float ''\n",
        "alpha: !!bool maybe\n",
        "alpha: !!timestamp soon\n",
    ],
)
def test_a_tag_that_does_not_fit_its_value_is_not_valid_yaml(tmp_path: Path, text: str) -> None:
    """No traceback of the parser's own."""
    for load in (load_policy, load_drift_policy):
        with pytest.raises(BadInput, match="is not valid YAML"):
            load(write(tmp_path, text))


def test_aliases_cannot_make_a_small_file_huge(tmp_path: Path) -> None:
    """Nine lines that stand for 10^9 values are refused at once; an alias used as intended is read."""
    lines = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    bomb = "\n".join(["schema: 1", "name: p", "a0: &a0 [x]", *lines, "rules: *a8\n"])
    with pytest.raises(BadInput, match="stands for more than 100,000 values"):
        load_policy(write(tmp_path, bomb))

    shared = GATE.replace(
        "rules:", "rules:\n  - &rows {name: first, kind: min_rows, rows: 10}\n  - {<<: *rows, name: again}", 1
    )
    assert [rule.name for rule in load_policy(write(tmp_path, shared)).rules][:2] == ["first", "again"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ks: 0.15", "kl: 0.15", r"\$\.thresholds has the unknown key 'kl'; valid keys: ks, cramers_v"),
        ("{ks: 0.4}", "{ks: 0}", r"\$\.features\.temp\.ks is 0; it must be above 0"),
        ("holm", "none", r"\$\.correction is 'none'; allowed: bonferroni, holm, bh, by"),
        ("[flight_id]", "flight_id", r"\$\.ignore is 'flight_id'; it must be of the type array"),
    ],
)
def test_a_drift_policy_names_its_errors_too(tmp_path: Path, old: str, new: str, message: str) -> None:
    """The same form of error for both kinds of file."""
    with pytest.raises(BadInput, match=message):
        load_drift_policy(write(tmp_path, DRIFT.replace(old, new, 1)))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Also a folder, and bytes that are no text."""
    with pytest.raises(BadInput, match=r"missing\.yaml cannot be read"):
        load_policy(tmp_path / "missing.yaml")
    with pytest.raises(BadInput, match="cannot be read"):
        load_policy(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\xfa\x00")
    with pytest.raises(BadInput, match="not valid YAML"):
        load_policy(tmp_path / "binary.yaml")


def test_schemas_know_what_the_code_knows() -> None:
    """Metrics, kinds of rules, their keys, effects and corrections agree with the code."""
    gate = json.loads((SCHEMAS / "policy.schema.json").read_text())
    drift = json.loads((SCHEMAS / "drift_policy.schema.json").read_text())
    Draft202012Validator.check_schema(gate)
    Draft202012Validator.check_schema(drift)

    assert list(gate["$defs"]) == list(KINDS)
    for kind, cls in KINDS.items():
        keys = {"kind", *(name for name in cls.__dataclass_fields__ if name != "kind")}
        assert set(gate["$defs"][kind]["properties"]) == keys
    assert gate["$defs"]["minimum"]["properties"]["metric"]["anyOf"][0]["enum"] == list(METRICS)
    assert set(drift["$defs"]["thresholds"]["properties"]) == set(EFFECTS)
    assert drift["properties"]["correction"]["enum"] == [correction.value for correction in Correction]


def test_the_examples_of_the_documentation_load(tmp_path: Path) -> None:
    """Every block of YAML in the page on policies is a list of rules, or a part of a policy, that is read."""
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "gate-policy.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)

    assert len(blocks) >= 5
    for block in blocks:
        rules = f"schema: 1\nname: p\nrules:\n{block}"
        text = GATE + block if block.startswith(("dependence", "outcomes", "approval")) else rules
        policy = load_policy(write(tmp_path, text))
        for rule in policy.rules:
            check_rule(rule)


def test_the_policy_of_the_example_is_one() -> None:
    """What the page on profiles shows loads, and says that no row is read."""
    examples = Path(__file__).parents[3] / "docs" / "examples"
    assert load_drift_policy(examples / "drift_profiles.yaml").data == "profile"
