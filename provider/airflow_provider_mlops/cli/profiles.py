"""What ``airflow mlops profiles`` does: list the recorded profiles, show one, compare two."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.cli.datasets import LEAST_DIGITS, SHORT, open_storage
from airflow_provider_mlops.cli.exit_codes import exit_codes
from airflow_provider_mlops.cli.models import model_records
from airflow_provider_mlops.cli.output import print_table, say, write_json
from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.profiled import PROFILE, PROFILED
from airflow_provider_mlops.core.record import Record

if TYPE_CHECKING:
    from airflow_provider_mlops.hooks.storage import Storage
    from airflow_provider_mlops.statistics.profile import Profile
    from airflow_provider_mlops.statistics.profile_spec import ProfileSpec

REFERENCE = "reference"
_LISTED = ("partition_key", "dataset", "rows", "champion_version", "reference_of", "profile", "profile_spec")


@exit_codes
def list_profiles(args: Namespace) -> None:
    """Print the recorded profiles of a model.

    :param args: ``model``, ``kind``, ``json``, ``storage_root``, ``ledger_root``.
    """
    from airflow_provider_mlops.hooks.drift_profiles import is_there

    storage = open_storage(args)
    rows = [
        {**{name: record.body[name] for name in _LISTED}, "stored": is_there(storage, record), "record": record.hash}
        for record in _records(args)
    ]
    if args.json:
        write_json(rows)
        return
    if not rows:
        say(f"Model {args.model!r} has no recorded profile of kind {args.kind!r}.", error=True)
        return
    heads = ("partition", "dataset", "rows", "version", "reference", "profile", "specification", "stored")
    print_table(
        heads,
        [
            [
                *(row[name] for name in _LISTED[:5]),
                _short(row["profile"]),
                _short(row["profile_spec"]),
                "yes" if row["stored"] else "no",
            ]
            for row in rows
        ],
    )


@exit_codes
def show(args: Namespace) -> None:
    """Print what a profile says of each column.

    :param args: ``model``, ``profile``, ``kind``, ``json``, ``storage_root``, ``ledger_root``.
    """
    from airflow_provider_mlops.statistics.profile_table import columns_of

    spec, profile, digest = _open(args, args.profile)
    columns = columns_of(profile, spec)
    if args.json:
        write_json({"profile": digest, "rows": profile.rows, "columns": columns})
        return
    say(f"Profile {digest}: {profile.rows:,} rows.")
    heads = ("column", "role", "values", "nulls", "smallest", "5 %", "median", "95 %", "largest", "most frequent")
    print_table(
        heads,
        [
            [item["column"], item["role"], item["values"], item["nulls"], *_ends(item["quantiles"]), _top(item["top"])]
            for item in columns
        ],
    )


@exit_codes
def compare(args: Namespace) -> None:
    """Print the effects between two profiles.

    :param args: ``model``, ``one``, ``other``, ``kind``, ``json``, ``storage_root``, ``ledger_root``.
    """
    from airflow_provider_mlops.statistics.profile_table import effects_between

    spec, was, one = _open(args, args.one)
    _, now, other = _open(args, args.other)
    found = effects_between(was, now, spec)
    if args.json:
        write_json({"one": one, "other": other, "rows": [was.rows, now.rows], "columns": found})
        return
    say(f"{one} ({was.rows:,} rows) against {other} ({now.rows:,} rows).")
    print_table(("what", "said"), [[item["rule"], item["text"]] for item in found])


def _open(args: Namespace, which: str) -> tuple["ProfileSpec", "Profile", str]:
    from airflow_provider_mlops.hooks.profile_store import read_profile, read_spec

    storage: Storage = open_storage(args)
    record, part = _chosen(args, which)
    body = record.body
    path, digest = (body["reference_path"], body["reference_profile"]) if part == REFERENCE else _own(body)
    spec = read_spec(storage, body["spec_path"], body["profile_spec"])
    return spec, read_profile(storage, path, digest)[0], digest


def _own(body: Any) -> tuple[str, str]:
    return body["path"], body["profile"]


def _chosen(args: Namespace, which: str) -> tuple[Record, str]:
    """Find the newest record whose profile, or reference, is meant."""
    records = _records(args)[::-1]
    if which == REFERENCE and records:
        return records[0], REFERENCE
    digits = which.removeprefix(PREFIX)
    for record in records:
        if record.body["partition_key"] == which:
            return record, PROFILE
    for name, part in (("profile", PROFILE), ("reference_profile", REFERENCE)):
        for record in records:
            if len(digits) >= LEAST_DIGITS and record.body[name].removeprefix(PREFIX).startswith(digits):
                return record, part
    there = ", ".join(dict.fromkeys(record.body["partition_key"] for record in records[:20])) or "none"
    raise BadInput(f"Model {args.model!r} has no profile {which!r} of kind {args.kind!r}; it has those of: {there}.")


def _records(args: Namespace) -> list[Record]:
    if args.kind not in PROFILED:
        raise BadInput(f"--kind {args.kind!r} must be one of: {', '.join(PROFILED)}.")
    records = model_records(args.model, args.ledger_root)
    return [r for r in records if r.kind == PROFILE and r.mode == Mode.LIVE and r.body["kind"] == args.kind]


def _short(digest: str) -> str:
    return digest.removeprefix(PREFIX)[:SHORT]


def _ends(quantiles: list[list[float]] | None) -> list[str]:
    """A quantile lies in a bin: its ends, where they differ to four digits."""
    if quantiles is None:
        return [""] * 5
    shown = [[f"{end:.4g}" for end in pair] for pair in quantiles]
    return [low if low == high else f"{low} to {high}" for low, high in shown]


def _top(top: list[list[Any]] | None) -> str:
    return ", ".join(f"{name[:40]} {rows:,}" for name, rows in top or ())
