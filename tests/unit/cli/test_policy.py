"""`airflow mlops policy schema`, and what the commands about policies share."""

import json
from argparse import Namespace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from airflow_provider_mlops.backends.yaml_file import read_yaml
from airflow_provider_mlops.cli.policy import open_policy, schema
from airflow_provider_mlops.core.errors import BadInput

ROOT = Path(__file__).parents[3]


def test_the_schema_is_one_that_editors_take(capsys: pytest.CaptureFixture[str]) -> None:
    """It is a valid JSON Schema, and the reference policy keeps it."""
    schema(Namespace())
    found = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(found)

    assert not list(Draft202012Validator(found).iter_errors(read_yaml(ROOT / "include/flights/policy.yaml")))


def write(folder: Path, rule: str) -> str:
    """Write a policy with one rule."""
    path = folder / "policy.yaml"
    path.write_text(f"schema: 1\nname: p\nrules:\n  - {{name: r, {rule}}}\n")
    return str(path)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("kind: minimum, metric: roc_auc, vlaue: 0.6", ["$.rules[0]", "'vlaue'", "value"]),
        ("kind: minimum, metric: roc_auc, value: high", ["$.rules[0].value", "'high'", "number"]),
        ("kind: minimum, metric: brier, value: 0.2", ["$.rules[0]", "where lower is better"]),
        ("kind: minimum, metric: roc_auc, value: 0.6, threshold: 0.3", ["$.rules[0]", "threshold"]),
    ],
)
def test_an_error_names_file_place_and_value(tmp_path: Path, rule: str, words: list[str]) -> None:
    """A rule that contradicts its metric is found before anything is judged."""
    path = write(tmp_path, rule)
    with pytest.raises(BadInput) as caught:
        open_policy(path)

    assert all(word in str(caught.value) for word in [path, *words])


def test_a_misspelt_file_is_answered_with_the_one_that_was_meant(tmp_path: Path) -> None:
    """The near name in the same folder."""
    path = write(tmp_path, "kind: max_looks, value: 1")
    with pytest.raises(BadInput, match=f"Did you mean {path}?"):
        open_policy(str(tmp_path / "polcy.yml"))
    with pytest.raises(BadInput, match="There is no file"):
        open_policy(str(tmp_path / "none" / "policy.yaml"))
