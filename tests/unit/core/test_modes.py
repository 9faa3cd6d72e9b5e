"""What a run may change."""

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.modes import Mode, mode_of


@pytest.mark.parametrize("run_type", ["scheduled", "manual", "asset_triggered", "asset_materialization"])
def test_a_run_is_live_unless_it_is_a_backfill(run_type: str) -> None:
    """Only a backfill is an audit by itself."""
    assert mode_of(run_type) is Mode.LIVE
    assert mode_of("backfill") is Mode.AUDIT


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("run_type", ["scheduled", "backfill"])
def test_the_conf_decides_over_the_run_type(run_type: str, mode: Mode) -> None:
    """A backfill can be live and a scheduled run dry, when asked for by name."""
    assert mode_of(run_type, {"mode": mode.value}) is mode


def test_a_conf_without_a_mode_changes_nothing() -> None:
    """Other members of the conf are not ours."""
    assert mode_of("backfill", {"seed": 1}) is Mode.AUDIT
    assert mode_of("scheduled", {"mode": None}) is Mode.LIVE


@pytest.mark.parametrize("asked", ["LIVE", "", "shadow", 1, ["live"]])
def test_an_unknown_mode_is_refused_with_the_known_ones(asked: object) -> None:
    """A typing error never makes a run live."""
    with pytest.raises(BadInput, match="live, audit, dry_run"):
        mode_of("scheduled", {"mode": asked})


def test_only_live_moves() -> None:
    """Audit and dry runs move no alias, emit no event and ask nobody."""
    assert [mode for mode in Mode if mode.moves] == [Mode.LIVE]
