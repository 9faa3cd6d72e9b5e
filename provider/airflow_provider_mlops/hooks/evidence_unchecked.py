"""What a check of the evidence did not look at, in plain words: whoever reads its outcome must know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.signing import short
from airflow_provider_mlops.hooks.chain_check import MODEL

if TYPE_CHECKING:
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.evidence_audit import Audit, Audited

_MADE = ("training", "transfer")


def not_checked(asked: Audit, found: Audited, why: str) -> list[str]:
    """List what was not checked, and why.

    :param asked: what was asked for.
    :param found: what was found.
    :param why: why the registry was not asked; empty where it was.
    :return: a sentence each; empty where everything was looked at that can be.
    """
    return [
        *_of_the_call(asked, why),
        *_signatures(asked, found.checks),
        *_ends(asked, found.checks),
        *_earlier_releases(found),
        *found.elsewhere,
    ]


def _of_the_call(asked: Audit, why: str) -> Iterator[str]:
    if why:
        yield f"models, versions, aliases, and whether models' chains were cut off: {why}"
    if asked.bundle is None:
        yield "policies, suites, contracts, checks and data files in the Dag bundle: --bundle names none."
    if asked.model is not None:
        yield f"what lies beside the folders of {asked.model} and its datasets: --all looks there."


def _signatures(asked: Audit, checks: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, check in checks.items():
        total, by = check["number"], check["signatures"]["records"]
        signed = sum(by.values())
        if signed and not check["signatures"]["checked"]:
            keys = " and ".join(map(short, by))
            yield (
                f"the signatures of {signed:,} records of {name}, by {keys}: no public key is known. "
                "Give --public-key, or the ledger's connection its keys."
            )
        # With --signed that is a finding.
        if signed < total and not asked.signed:
            yield f"who wrote {total - signed:,} of {total:,} records of {name}: they are not signed."


def _ends(asked: Audit, checks: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, check in checks.items():
        # Of models nobody asked about, the registry's line speaks.
        if name.startswith(MODEL) and asked.checkpoints is None:
            continue
        if check["checkpoint"] is None and check["cited"] is None:
            yield f"whether the newest records of {name} were cut off: nothing outside names one ({check['end']})."


def _earlier_releases(found: Audited) -> Iterator[str]:
    for folder in found.cited.folders.values():
        if not folder.proved and folder.path in found.looked_at:
            yield f"the files of {folder.path}, a {folder.what}: {folder.by} names no hash of them (earlier release)."
    for record in without_file_hashes(found.models):
        yield (
            f"files beside the archive of models:/{record.body['logged_model_id']}: record {record.seq} of "
            f"{record.chain} names no hash of them (earlier release)."
        )


def without_file_hashes(records: Sequence[Record]) -> list[Record]:
    """Find the records of models whose files were not hashed one by one, as in earlier releases.

    :param records: records of a model's ledger.
    """
    return [
        record
        for record in records
        if record.kind in _MADE
        and record.mode == "live"
        and record.body.get("logged_model_id")
        and not record.body.get("files")
    ]
