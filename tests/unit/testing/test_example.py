"""The example of the documentation does what its page says."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.testing import GateOpen
from tests.unit.testing.test_dag_target import lifecycle

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "attack_gate.py"
HOLD = ("nan_scores", "one_class", "swapped_champion")


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The functions of the example, with a few of the attacks."""
    names = runpy.run_path(str(EXAMPLE))
    for name in ("attack_policy", "attack_dag"):
        whole = names[name]

        def few(*args: Any, _whole: Any = whole, **options: Any) -> Any:
            return _whole(*args, attacks=HOLD, **options)

        monkeypatch.setitem(names["check_policy"].__globals__, name, few)
    return names


def test_a_sound_policy_and_its_dag_are_closed(example: dict[str, Any], policy: Path) -> None:
    """Both functions end without an error."""
    example["check_policy"](policy)
    example["check_dag"](lifecycle(policy.name), policy.parent)


def test_the_weak_policy_of_the_page_is_open(example: dict[str, Any], tmp_path: Path) -> None:
    """It compares with nobody."""
    path = tmp_path / "weak.yaml"
    path.write_text(
        "schema: 1\nname: weak\nrules:\n  - {name: accuracy, kind: minimum, metric: accuracy, value: 0.6}\n"
    )

    with pytest.raises(GateOpen, match=r"PASS +swapped_champion: accuracy of the candidate is 0.816 \[0.806, 0.825\]"):
        example["check_policy"](path)
