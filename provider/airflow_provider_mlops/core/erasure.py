"""What an erasure leaves: a tombstone with a salted commitment to every erased row, and a record that names none."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.canonical import canonical_json, sha256_of
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken

SCHEMA = 1
MOST_KEYS = 1_000_000
MOST_REASON = 300
SALT_BYTES = 32
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom the rows are about.

    :param column: column of the dataset that names it.
    :param keys: its values, as text; never logged or recorded.
    """

    column: str
    keys: tuple[str, ...] = field(repr=False)

    def __post_init__(self) -> None:
        reading.text(self.column, "key column")
        if not self.keys:
            raise BadInput("There is no key: give --key or a keys file with one value a line.")
        if len(self.keys) > MOST_KEYS:
            raise BadInput(f"{len(self.keys):,} keys are too many; erase at most {MOST_KEYS:,} at a time.")
        if not all(map(_is_text, self.keys)):
            raise BadInput("A key holds bytes that are no UTF-8 text.")

    @property
    def spellings(self) -> frozenset[str]:
        """The keys as prediction logs may spell them: a whole number as a float, where its column had nulls."""
        return frozenset(self.keys).union(str(float(key)) for key in self.keys if _WHOLE.fullmatch(key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """A stored folder of rows that is replaced by one without the erased rows.

    :param folder: ``snapshots`` or ``quarantine``; for scores ``evaluations``.
    :param name: the dataset; for scores the model.
    :param old: id of the content then.
    :param new: id of the content now, None when no row is left.
    :param rows_left: how many rows are left.
    :param rows: canonical text of each erased row; leaves this process as commitments only.
    """

    folder: str
    name: str
    old: str
    new: str | None
    rows_left: int
    rows: Sequence[str] = field(repr=False)


def read_keys(lines: Iterable[str]) -> tuple[str, ...]:
    """Read keys, one a line.

    :param lines: the lines; their ends, empty ones and the mark that editors put before text do not count, other space
        does.
    :return: the different keys, in order.
    :raises BadInput: when a line holds what is no text.
    """
    found = dict.fromkeys(line.removeprefix("\ufeff").rstrip("\r\n") for line in lines)
    keys = tuple(key for key in found if key)
    if any("\0" in key for key in keys):
        raise BadInput("The keys hold a NUL character: give a text file with one key a line.")
    return keys


def check_reason(reason: str) -> str:
    """Check the reason of an erasure.

    :param reason: why rows are erased; it stands in the ledger for ever.
    :return: the same.
    :raises BadInput: when it is empty or long.
    """
    if len(reading.text(reason, "reason")) > MOST_REASON:
        raise BadInput(f"The reason has {len(reason)} characters; give at most {MOST_REASON}, and name nobody.")
    return reason


def row_text(values: Iterable[tuple[str, str | None]]) -> str:
    """Write a row as the one text that is committed to.

    :param values: name of each column with its value as text, None where it is null.
    :return: canonical JSON.
    """
    return canonical_json([[name, value] for name, value in values])


def commitment(salt: bytes, text: str) -> str:
    """Commit to a text: who knows it and the salt can show that it was meant, nobody else can tell it.

    :param salt: random bytes of this erasure.
    :param text: canonical text of a row, or a key.
    :return: HMAC-SHA-256, 64 hexadecimal digits.
    """
    return hmac.new(salt, text.encode(), hashlib.sha256).hexdigest()


def tombstone(
    *,
    erasure_id: str,
    dataset: str,
    subject: Subject,
    rewritten: Sequence[Rewritten],
    salt: bytes,
    keep_salt: bool,
) -> dict[str, Any]:
    """Build the tombstone of an erasure.

    :param erasure_id: names the erasure.
    :param dataset: name of the dataset.
    :param subject: whom it is about.
    :param rewritten: what was rewritten.
    :param salt: random bytes, never used before.
    :param keep_salt: whether the salt stands in it, so that a known row or key can be checked later.
    :return: JSON-safe mapping; `tombstone_hash` gives its identity.
    """
    return {
        "schema": SCHEMA,
        "kind": "tombstone",
        "erasure_id": erasure_id,
        "dataset": dataset,
        "key_column": subject.column,
        "salt": salt.hex() if keep_salt else None,
        "subjects": sorted(commitment(salt, key) for key in subject.keys),
        "rewritten": [{**_item(one), "rows": [commitment(salt, text) for text in one.rows]} for one in rewritten],
        "files": [],
    }


def tombstone_hash(found: Mapping[str, Any]) -> str:
    """Return the identity of a tombstone, which the erasure's record states.

    :param found: as `tombstone` builds it.
    """
    return sha256_of(found)


def check_tombstone(found: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """Check a stored tombstone against the record of its erasure.

    :param found: what is stored.
    :param body: body of the ``erasure`` record.
    :raises EvidenceBroken: when it was changed.
    """
    try:
        same = tombstone_hash(found) == body["tombstone"]
    except BadInput:
        same = False
    if not same:
        raise EvidenceBroken(
            f"The tombstone of erasure {body['erasure_id']} was changed: its hash is not the recorded one."
        )


def was_erased(found: Mapping[str, Any], text: str) -> bool:
    """Whether a row, or a key, is among those that a tombstone commits to.

    :param found: the tombstone.
    :param text: canonical text of the row (`row_text`), or the key.
    :return: True when it is.
    :raises BadInput: when the salt was not kept: nobody can tell then.
    """
    if not found["salt"]:
        raise BadInput(f"The salt of erasure {found['erasure_id']} was discarded: nobody can tell what was erased.")
    mine = commitment(bytes.fromhex(found["salt"]), text)
    return mine in found["subjects"] or any(mine in item["rows"] for item in found["rewritten"])


def erasure_body(
    found: Mapping[str, Any],
    rewritten: Sequence[Rewritten],
    *,
    subject: Subject,
    reason: str,
    partitions: Mapping[str, str | None],
    reports: Sequence[str],
    profiles: Sequence[str] = (),
    pages: Sequence[str],
    others: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Build the body of an erasure's record: counts, ids and the reason, nothing of any row or key.

    :param found: the tombstone.
    :param rewritten: what is rewritten.
    :param subject: whom it is about.
    :param reason: why.
    :param partitions: partition by snapshot id, None where the ledger does not say.
    :param reports: folders of validation reports that are removed, below the storage root.
    :param profiles: folders of profiles that are removed, below the storage root.
    :param pages: MLflow runs whose validation pages are removed.
    :param others: what further holders of rows rewrite, JSON-safe.
    :return: the body.
    """
    rows = [one for one in rewritten if one.folder != "evaluations"]
    return {
        "erasure_id": found["erasure_id"],
        "key_column": subject.column,
        "keys": len(subject.keys),
        "reason": reason,
        "tombstone": tombstone_hash(found),
        "snapshots": [{**_item(one), "partition_key": partitions.get(one.old)} for one in rows],
        "scores": [
            {"model": one.name, "scores_id": one.old, "replaced_by": one.new, "rows_erased": len(one.rows)}
            for one in rewritten
            if one.folder == "evaluations"
        ],
        "reports": list(reports),
        "profiles": list(profiles),
        "pages": list(pages),
        "others": [dict(item) for item in others],
    }


def _item(one: Rewritten) -> dict[str, Any]:
    return {
        "folder": one.folder,
        "snapshot_id": one.old,
        "replaced_by": one.new,
        "rows_erased": len(one.rows),
        "rows_left": one.rows_left,
    }


def _is_text(key: str) -> bool:
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True
