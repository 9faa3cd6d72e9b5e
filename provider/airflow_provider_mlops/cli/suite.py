"""``airflow mlops suite``: proposing a suite, and showing what a new partition or another suite would change."""

import secrets
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.cli.datasets import chosen_datasets, chosen_snapshot, open_storage, short
from airflow_provider_mlops.cli.describe import count
from airflow_provider_mlops.cli.exit_codes import BROKEN, exit_codes
from airflow_provider_mlops.cli.output import print_table, say, write_json
from airflow_provider_mlops.core.canonical import canonical_json
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.evidence import accepted_snapshots
from airflow_provider_mlops.core.near import file_meant
from airflow_provider_mlops.core.verdict import Outcome

if TYPE_CHECKING:
    from airflow_provider_mlops.core.expectation import Judged
    from airflow_provider_mlops.core.suite_text import Change
    from airflow_provider_mlops.hooks.row_files import RowFiles
    from airflow_provider_mlops.hooks.storage import Storage


@exit_codes
def suggest(args: Namespace) -> None:
    """Propose a suite from accepted snapshots.

    :param args: ``dataset``, ``snapshot`` (a list), ``output`` (or None), ``name`` (or None), ``margin``, ``regex``,
        ``force``, ``storage_root`` and ``ledger_root``.
    """
    from airflow_provider_mlops.backends.seeing import see_files
    from airflow_provider_mlops.core.suite_suggest import suggest as proposals_of
    from airflow_provider_mlops.core.suite_text import suite_yaml

    storage = open_storage(args)
    target = None if args.output is None else _target(args.output, force=args.force)
    (dataset,) = chosen_datasets(args.dataset, args.ledger_root)
    chosen = [chosen_snapshot(storage, [dataset], one)[1] for one in dict.fromkeys(args.snapshot)]
    _check_accepted(storage, dataset, chosen)
    seen = []
    for snapshot_id in dict.fromkeys(chosen):
        with _rows_of(storage, dataset, snapshot_id) as opened:
            seen.append(see_files(opened.manifest, opened.files))
    proposals = proposals_of(seen, margin=args.margin, regex=args.regex)
    text = suite_yaml(args.name or dataset, proposals, seen, args.margin)
    if target is None:
        sys.stdout.write(text)
        return
    _write(target, text, force=args.force)
    say(f"{count(len(proposals), 'expectation')} from {count(len(seen), 'snapshot')} in {target}: review them.")


@exit_codes
def diff(args: Namespace) -> None:
    """Show what a snapshot breaks of a suite, or what differs between two suites; exit with 1 when something does.

    :param args: ``suite`` (a list of one or two files), ``dataset`` and ``snapshot`` (None with two suites), ``json``,
        ``storage_root`` and ``ledger_root``.
    """
    suites = [_suite(path) for path in args.suite]
    if len(suites) > 2:
        raise BadInput("At most two suites are compared; give --suite once or twice.")
    if len(suites) == 2:
        if args.snapshot is not None:
            raise BadInput("Give two suites, or one and --snapshot; not both.")
        _compare(args, *suites)
        return
    if args.snapshot is None or args.dataset is None:
        raise BadInput("One suite is held against a snapshot: give --dataset and --snapshot, or a second --suite.")
    _hold(args, suites[0])


def _hold(args: Namespace, suite: dict[str, Any]) -> None:
    from airflow_provider_mlops.backends.validation import judge, judge_columns
    from airflow_provider_mlops.core.suite_empty import empty_rule

    storage = open_storage(args)
    dataset, snapshot_id = chosen_snapshot(storage, chosen_datasets(args.dataset, args.ledger_root), args.snapshot)
    with _rows_of(storage, dataset, snapshot_id) as opened:
        empty = opened.manifest["rows"] == 0
        judged = (judge_columns if empty else judge)(opened.files, suite, seed=snapshot_id)
    broken = [item for item in judged if item.holds is not True]
    severities = [item.get("severity", "critical") for item in suite["expectations"]]
    if args.json:
        write_json([{**item.to_dict(), "severity": severities[item.position]} for item in broken])
    elif broken:
        print_table(
            ("severity", "expectation", "column", "now", "allowed"),
            [_row(item, severities[item.position]) for item in broken],
        )
    if not args.json:
        say(f"{short(snapshot_id)} breaks {len(broken)} of {count(len(judged), 'expectation')} of {suite['name']}.")
    rule = empty_rule(suite) if empty else None
    if rule is not None:
        say(f"{rule.outcome}: {rule.reason}.", error=True)
    if broken or (rule is not None and rule.outcome != Outcome.PASS):
        raise SystemExit(BROKEN)


@contextmanager
def _rows_of(storage: "Storage", dataset: str, snapshot_id: str) -> Iterator["RowFiles"]:
    """Open the files of a snapshot, or of a window's members; of one that was erased nothing else in its place."""
    from airflow_provider_mlops.hooks.row_files import row_files
    from airflow_provider_mlops.hooks.snapshot_set import published_manifest

    published_manifest(storage, dataset, snapshot_id)
    with row_files(storage, dataset, snapshot_id) as opened:
        yield opened


def _row(item: "Judged", severity: str) -> Sequence[str | int | None]:
    allowed = {name: value for name, value in item.kwargs.items() if name != "column"}
    return severity, item.type, item.kwargs.get("column"), _now(item), canonical_json(allowed)[:200]


def _now(item: "Judged") -> str:
    if item.error is not None:
        return f"not judged: {item.error}"[:160]
    if item.holds is None:
        return f"undecided from {item.sample_rows or 0:,} rows"
    numbers = item.numbers
    if numbers.get("unexpected_count") is not None:
        shown = ", ".join(dict.fromkeys(str(value) for value in item.partial_unexpected[:5]))
        of = numbers.get("element_count") or 0
        return f"{numbers['unexpected_count']:,} of {of:,} values{f': {shown}' if shown else ''}"[:160]
    return str(numbers.get("observed_value", "broken"))[:160]


def _compare(args: Namespace, first: dict[str, Any], second: dict[str, Any]) -> None:
    from airflow_provider_mlops.core.suite_text import compare_suites

    changes = compare_suites(first, second)
    if args.json:
        write_json([_change(item) for item in changes])
    elif changes:
        rows = [[item.what, item.type, item.column, _shown(item.before), _shown(item.after)] for item in changes]
        print_table(("what", "expectation", "column", "before", "after"), rows)
    else:
        say("The suites judge alike.")
    if changes:
        raise SystemExit(BROKEN)


def _change(item: "Change") -> dict[str, Any]:
    return {
        "what": item.what,
        "type": item.type,
        "column": item.column,
        "before": item.before,
        "after": item.after,
    }


def _shown(arguments: dict[str, Any] | None) -> str | None:
    return None if arguments is None else canonical_json(arguments)[:120]


def _suite(path: str) -> dict[str, Any]:
    from airflow_provider_mlops.backends.suite_file import load_suite

    file = Path(path)
    if not file.is_file():
        raise BadInput(f"There is no file {path!r}.{file_meant(file)}")
    return load_suite(file)


def _check_accepted(storage: "Storage", dataset: str, chosen: Sequence[str]) -> None:
    """A suite that is proposed from what was refused would allow it."""
    from airflow_provider_mlops.hooks.ledger import dataset_ledger

    accepted = set(accepted_snapshots(dataset_ledger(dataset, storage.ledger_root).records()).values())
    for snapshot_id in chosen:
        if snapshot_id not in accepted:
            say(f"{short(snapshot_id)} is not the accepted snapshot of its partition: look twice.", error=True)


def _target(output: str, *, force: bool) -> Path:
    target = Path(output)
    if not target.parent.is_dir():
        raise BadInput(f"There is no folder {str(target.parent)!r} to write {target.name!r} to.")
    if target.is_dir():
        raise BadInput(f"{output!r} is a folder; give the name of a file.")
    if target.exists() and not force:
        raise Refused(f"{output} is there; --force overwrites it.")
    return target


def _write(target: Path, text: str, *, force: bool) -> None:
    """Write whole or not at all; what somebody wrote meanwhile stays, unless it was to be overwritten."""
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        fresh.write_text(text, encoding="utf-8")
        if force:
            fresh.replace(target)
        else:
            target.hardlink_to(fresh)
    except FileExistsError:
        raise Refused(f"{target} is there; --force overwrites it.") from None
    except OSError as err:
        raise BadInput(f"{target} cannot be written: {err.strerror}.") from err
    finally:
        fresh.unlink(missing_ok=True)
