"""How `python -m airflow_provider_mlops.embedded` answers typing errors and explains itself."""

import pytest

from airflow_provider_mlops.embedded.__main__ import main


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("stauts", "did you mean 'status'?"), ("xyzzy", "it must be one of: up, down, demo, status")],
)
def test_an_unknown_command_is_answered_with_the_near_one(
    typed: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and the name that was meant."""
    with pytest.raises(SystemExit) as stopped:
        main([typed])

    assert stopped.value.code == 2
    assert f"unknown command {typed!r}; {answer}\n" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["up"], ["down"], ["demo"], ["status"]])
def test_help_is_plain_text(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A terminal does not render markup."""
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "--help"])

    assert stopped.value.code == 0
    assert "`" not in capsys.readouterr().out
