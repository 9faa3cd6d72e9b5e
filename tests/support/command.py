"""Running `airflow mlops` in this process, and stopping it at its side effects."""

import argparse
import os
import pathlib
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from airflow.cli import cli_parser

from airflow_provider_mlops.cli.definition import get_mlops_cli_commands


def run_command(*words: str) -> int:
    """Run `airflow mlops` with some words, and return its exit code."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    for command in get_mlops_cli_commands():
        cli_parser._add_command(commands, command)
    args = parser.parse_args(["mlops", *words])
    try:
        args.func(args)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


class KilledError(BaseException):
    """Stands for SIGKILL: nothing catches it."""


# What changes the world: a folder is published, hidden or put back, a record is written, files are deleted.
_EFFECTS: tuple[tuple[Any, str], ...] = ((pathlib.Path, "rename"), (os, "link"), (shutil, "rmtree"))


@contextmanager
def killed_at(number: int, *, after: bool = False) -> Iterator[list[str]]:
    """Stop at the n-th side effect, from 0, before or after it; the list names those that were begun."""
    seen: list[str] = []

    def wrap(name: str, real: Any) -> Any:
        def effect(*args: Any, **kwargs: Any) -> Any:
            seen.append(name)
            mine = len(seen) - 1
            if mine > number:
                raise KilledError  # a dead process changes nothing, not even in its own clean-up
            if mine == number and not after:
                raise KilledError
            result = real(*args, **kwargs)
            if mine == number:
                raise KilledError
            return result

        return effect

    with ExitStack() as stack:
        for owner, name in _EFFECTS:
            stack.enter_context(patch.object(owner, name, wrap(name, getattr(owner, name))))
        yield seen
