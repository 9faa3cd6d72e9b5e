"""What a look at the registry says to those who wait."""

import pytest

from airflow_provider_mlops.core.registry import RegisteredVersion, alias_reached, version_reached

VERSIONS = [
    RegisteredVersion("10", "READY", {"mlops.verdict": "PASS"}),
    RegisteredVersion("9", "READY", {"mlops.verdict": "PASS", "team": "a"}),
    RegisteredVersion("2", "READY", {"mlops.verdict": "FAIL"}),
    RegisteredVersion("11", "PENDING_REGISTRATION", {"mlops.verdict": "PASS"}),
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "3"),
        ({"version": "3"}, "3"),
        ({"version": "4"}, None),
        ({"other_than": "2"}, "3"),
        ({"other_than": "3"}, None),
        ({"version": "3", "other_than": "3"}, None),
    ],
)
def test_alias_is_reached(wanted: dict[str, str], found: str | None) -> None:
    """Any version, a certain one, or one other than what is known."""
    assert alias_reached({"champion": "3", "golden": "1"}, "champion", **wanted) == found


def test_missing_alias_is_never_reached() -> None:
    """An alias that does not exist points at nothing."""
    assert alias_reached({"golden": "1"}, "champion", other_than="2") is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "10"),
        ({"tags": {"mlops.verdict": "FAIL"}}, "2"),
        ({"tags": {"mlops.verdict": "PASS", "team": "a"}}, "9"),
        ({"tags": {"mlops.verdict": "pass"}}, None),
        ({"after_version": "9"}, "10"),
        ({"after_version": "10"}, None),
    ],
)
def test_newest_ready_version_counts(wanted: dict[str, object], found: str | None) -> None:
    """Numbers are compared as numbers, and a version that is being registered is not there."""
    assert version_reached(VERSIONS, **wanted) == found  # type: ignore[arg-type]


def test_model_without_versions() -> None:
    """Nothing is there."""
    assert version_reached([]) is None
