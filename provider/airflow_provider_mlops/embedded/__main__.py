"""Command line: ``python -m airflow_provider_mlops.embedded up|down|demo|status``."""

import argparse
import difflib
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO

from rich.console import Console

from airflow_provider_mlops.embedded import mlflow_server, pages_server, services
from airflow_provider_mlops.embedded.config import EmbeddedError
from airflow_provider_mlops.embedded.ports import AIRFLOW_PORT, MLFLOW_PORT, PAGES_PORT
from airflow_provider_mlops.embedded.runtime import REVIEWER, USER, EmbeddedAirflow
from airflow_provider_mlops.embedded.story import Story, StoryError, Teller

TIMEOUT_MINUTES = 15.0
_PLAIN_WIDTH = 160
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    :param arguments: the command line without the program's name; that of this process when None.
    :return: exit code: 0 well, 1 failed, 2 wrong usage, 130 interrupted.
    """
    options = _parse(sys.argv[1:] if arguments is None else arguments)
    console = _console(sys.stdout)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        airflow = EmbeddedAirflow(
            options.project,
            options.profile,
            airflow_port=getattr(options, "airflow_port", None),
            mlflow_port=getattr(options, "mlflow_port", None),
        )
        code: int = options.run(airflow, options, console)
    except EmbeddedError as err:
        _console(sys.stderr).print(str(err), style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        _console(sys.stderr).print("Interrupted.", style="red")
        return _INTERRUPTED
    return code


def up(airflow: EmbeddedAirflow, _options: argparse.Namespace, console: Console) -> int:
    """Start Airflow and leave it running."""
    with airflow.lock():
        if airflow.is_running():
            console.print("Already running.")
        else:
            _start(airflow, console)
    _print_addresses(airflow, console)
    return 0


def down(airflow: EmbeddedAirflow, _options: argparse.Namespace, console: Console) -> int:
    """Stop everything that `up` or `demo` started, also when they are still at work, or were killed."""
    began = time.monotonic()
    if airflow.interrupt_holder():
        console.print("Ended the command that was at work.")
    with airflow.lock():
        running = len(airflow.processes.everything())
        airflow.stop()
    text = f"Stopped {running} processes in {time.monotonic() - began:.0f} s." if running else "Nothing was running."
    console.print(text, highlight=False)
    return 0


def status(airflow: EmbeddedAirflow, _options: argparse.Namespace, console: Console) -> int:
    """Say what runs."""
    known = airflow.processes.known()
    if not known:
        console.print("Nothing is running.")
        return 0
    for entry in known:
        state = "running" if entry.process() is not None else "ended"
        console.print(f"{entry.name:20s} {state:8s} process {entry.pid}", highlight=False)
    if airflow.is_running():
        unhealthy = services.unhealthy_parts(airflow.api)
        unhealthy += [part.NAME for part in (mlflow_server, pages_server) if not part.is_healthy(airflow.ports)]
        console.print(f"Not healthy: {', '.join(unhealthy)}" if unhealthy else "All healthy.", highlight=False)
        _print_addresses(airflow, console)
    return 0


def demo(airflow: EmbeddedAirflow, options: argparse.Namespace, console: Console) -> int:
    """Start afresh, run the reference Dags on the scheduler, show what they decided."""
    began = time.monotonic()
    story = Story(
        lifecycle=options.lifecycle,
        score=options.score,
        monitor=options.monitor,
        retrain=options.retrain,
        metric=options.metric,
    )
    with airflow.lock():
        airflow.stop()
        airflow.wipe()
        _start(airflow, console)
        try:
            Teller(airflow, story, console, began + options.timeout * 60).tell()
        except StoryError:
            if options.stop:
                airflow.stop()
            else:
                _print_addresses(airflow, console)
            raise
        except BaseException:
            airflow.stop()
            raise
        if options.stop:
            airflow.stop()
    if not options.stop:
        _print_addresses(airflow, console)
    console.print(f"Done in {time.monotonic() - began:.0f} s.", highlight=False)
    return 0


def _start(airflow: EmbeddedAirflow, console: Console) -> None:
    """Start everything; whatever goes wrong, leave nothing behind."""
    console.print("Starting PostgreSQL, MLflow and Airflow ...")
    try:
        seconds = airflow.start()
    except BaseException:
        airflow.stop()
        raise
    console.print(f"Started in {seconds:.0f} s.", highlight=False)


def _print_addresses(airflow: EmbeddedAirflow, console: Console) -> None:
    ports = airflow.ports
    for what, port, default in (
        ("Airflow", ports.airflow, AIRFLOW_PORT),
        ("MLflow", ports.mlflow, MLFLOW_PORT),
        ("Pages", ports.pages, PAGES_PORT),
    ):
        moved = "" if port == default else f"  (not on {default})"
        console.print(f"{what:8s} http://127.0.0.1:{port}{moved}", highlight=False)
    logins = f"{USER} / {airflow.secrets.admin_password}  or  {REVIEWER} / {airflow.secrets.reviewer_password}"
    console.print(f"Login    {logins}", markup=False, highlight=False)
    console.print("Stop it  make down", highlight=False)


def _console(file: TextIO) -> Console:
    """Make a console; where nobody looks at a terminal, tables get room instead of 80 columns."""
    console = Console(file=file)
    if not console.is_terminal:
        console.width = max(console.width, _PLAIN_WIDTH)
    return console


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    # Stopping is under way and has a deadline of its own: impatience must not cut it short.
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _parser()
    named = arguments[0] if arguments else ""
    # What argparse says of a typo lists the choices, but not the one that was meant.
    if named and not named.startswith("-") and named not in _COMMANDS:
        near = difflib.get_close_matches(named, _COMMANDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it must be one of: {', '.join(_COMMANDS)}"
        parser.error(f"unknown command {named!r}; {hint}")
    return parser.parse_args(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_mlops.embedded",
        description="Airflow, MLflow and PostgreSQL as processes of this machine.",
    )
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND", title="commands")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--project", type=Path, default=Path(), help="folder that holds dags/ (default: here)")
    common.add_argument("--profile", default="default", help="name of the state folder in .embedded/")
    starting = argparse.ArgumentParser(add_help=False)
    starting.add_argument("--airflow-port", type=int, help=f"default: {AIRFLOW_PORT}, or a free one")
    starting.add_argument("--mlflow-port", type=int, help=f"default: {MLFLOW_PORT}, or a free one")
    for name, command in _COMMANDS.items():
        parents = [common, starting] if command in (up, demo) else [common]
        text = (command.__doc__ or "").replace("`", "'")
        child = commands.add_parser(name, parents=parents, help=text, description=text)
        child.set_defaults(run=command)
        if command is demo:
            _add_demo(child)
    return parser


def _add_demo(parser: argparse.ArgumentParser) -> None:
    defaults = Story()
    parser.add_argument("--stop", action="store_true", help="stop everything at the end")
    parser.add_argument("--timeout", type=float, default=TIMEOUT_MINUTES, help="minutes (default: %(default)s)")
    parser.add_argument("--lifecycle", default=defaults.lifecycle, help="id of the lifecycle Dag")
    parser.add_argument("--score", default=defaults.score, help="id of the Dag that scores")
    parser.add_argument("--monitor", default=defaults.monitor, help="id of the monitor Dag")
    parser.add_argument("--retrain", default=defaults.retrain, help="id of the retrain Dag")
    parser.add_argument("--metric", default=defaults.metric, help="metric to show (default: %(default)s)")


_COMMANDS = {command.__name__: command for command in (up, down, demo, status)}


if __name__ == "__main__":
    sys.exit(main())
