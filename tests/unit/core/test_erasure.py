"""Tombstones and the bodies of erasure records."""

import json
from typing import Any

import pytest

from airflow_provider_mlops.core import erasure
from airflow_provider_mlops.core.erasure import MOST_KEYS, Rewritten, Subject, commitment, read_keys
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken

SALT = bytes(range(32))
SUBJECT = Subject("customer", ("4711", "4712"))
ROWS = (erasure.row_text([("customer", "4711"), ("amount", None)]), erasure.row_text([("customer", "4712")]))
OLD = Rewritten(folder="snapshots", name="orders", old="sha256:a", new="sha256:b", rows_left=7, rows=ROWS)
SCORES = Rewritten(folder="evaluations", name="churn", old="sha256:c", new=None, rows_left=0, rows=ROWS[:1])


def buried(*, keep_salt: bool = True) -> dict[str, Any]:
    """A tombstone of a snapshot and of scores."""
    return erasure.tombstone(
        erasure_id="e1", dataset="orders", subject=SUBJECT, rewritten=[OLD, SCORES], salt=SALT, keep_salt=keep_salt
    )


def body(found: dict[str, Any]) -> dict[str, Any]:
    """The body of its record."""
    return erasure.erasure_body(
        found,
        [OLD, SCORES],
        subject=SUBJECT,
        reason="DSR-1",
        partitions={"sha256:a": "2013-01"},
        reports=["reports/orders/r"],
        pages=[],
        others=[{"folder": "predictions", "rows_erased": 2}],
    )


def test_the_record_counts_and_names_nobody() -> None:
    """Ids, counts and the hash of the tombstone; neither rows nor keys, nor what commits to them."""
    found = buried()
    text = json.dumps(body(found))

    assert body(found)["snapshots"] == [
        {
            "folder": "snapshots",
            "snapshot_id": "sha256:a",
            "replaced_by": "sha256:b",
            "rows_erased": 2,
            "rows_left": 7,
            "partition_key": "2013-01",
        }
    ]
    assert body(found)["scores"] == [{"model": "churn", "scores_id": "sha256:c", "replaced_by": None, "rows_erased": 1}]
    assert body(found)["keys"] == 2
    for secret in ("4711", *ROWS, *found["subjects"], SALT.hex()):
        assert secret not in text


def test_a_row_and_a_key_can_be_shown_to_be_among_the_erased() -> None:
    """With the salt; without it nobody can tell, which is not a no."""
    found = buried()

    assert erasure.was_erased(found, ROWS[0])
    assert erasure.was_erased(found, "4712")
    assert not erasure.was_erased(found, "4713")
    with pytest.raises(BadInput, match="salt of erasure e1 was discarded"):
        erasure.was_erased(buried(keep_salt=False), "4711")


def test_the_same_row_is_committed_to_differently_each_time() -> None:
    """Two tombstones cannot be laid side by side to see whom they share."""
    assert commitment(SALT, "x") != commitment(bytes(32), "x")


@pytest.mark.parametrize("change", [{"subjects": []}, {"salt": None}, {"more": 1}, {"erasure_id": float("nan")}])
def test_a_changed_tombstone_is_found(change: dict[str, Any]) -> None:
    """Against the hash in the record."""
    found = buried()
    erasure.check_tombstone(found, body(found))
    with pytest.raises(EvidenceBroken, match="tombstone of erasure e1 was changed"):
        erasure.check_tombstone({**found, **change}, body(found))


def test_keys_are_lines() -> None:
    """Each once, in order; ends of lines and empty lines do not count, other space does."""
    assert read_keys(["b\r\n", "a\n", "\n", "b", " a "]) == ("b", "a", " a ")
    assert read_keys(["\ufeffb\r\n", "a"]) == ("b", "a")  # as editors of Windows begin a file
    with pytest.raises(BadInput, match="NUL"):
        read_keys(["a\0b"])


@pytest.mark.parametrize(
    ("column", "keys", "said"),
    [
        ("", ("a",), "key column"),
        ("c", (), "no key"),
        ("c", ("\udcff",), "no UTF-8"),
        ("c", ("a",) * (MOST_KEYS + 1), "too many"),
    ],
)
def test_a_subject_has_a_column_and_keys(column: str, keys: tuple[str, ...], said: str) -> None:
    """What is none is refused."""
    with pytest.raises(BadInput, match=said):
        Subject(column, keys)


def test_a_whole_number_has_two_spellings() -> None:
    """Logs keep it as the text of a float where its column had nulls; other keys are what they are."""
    assert Subject("id", ("7", "-30", "0", "007", "a", "1.5", "7" * 17)).spellings == {
        *("7", "7.0", "-30", "-30.0", "0", "0.0"),
        *("007", "a", "1.5", "7" * 17),
    }


def test_keys_and_rows_are_not_shown() -> None:
    """Neither in a log nor in a traceback."""
    assert "4711" not in repr(SUBJECT) + repr(OLD)


@pytest.mark.parametrize("reason", ["", " ", "x" * 301])
def test_a_reason_is_short_and_not_empty(reason: str) -> None:
    """It stands in the ledger for ever."""
    with pytest.raises(BadInput, match="reason"):
        erasure.check_reason(reason)
