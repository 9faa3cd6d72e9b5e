"""Signed chains: what a signature says, whose counts, and that no change to one goes unseen."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import Parse
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from airflow_provider_mlops.core.canonical import canonical_json, sha256_of
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import write_record
from airflow_provider_mlops.core.signing import PREDICATE_TYPE, sign_record
from airflow_provider_mlops.core.trust import Keys
from tests.support.keys import keys, signing_key

CHAIN = "model/flight_delays"
SNAPSHOT, MODEL, EVALUATION = ("sha256:" + digit * 64 for digit in "abc")
BODY = {
    "partition_key": "2013-02",
    "evaluation_id": EVALUATION,
    "candidate": {"version": "3", "model_digest": MODEL},
    "manifest": {"train": {"snapshots": [{"snapshot_id": SNAPSHOT}]}},
    "reference_snapshot_ids": [SNAPSHOT],
    "policy_hash": "sha256:" + "d" * 64,
    "scores_id": "no hash",
}


@pytest.fixture
def signed(tmp_path: Path) -> Ledger:
    """A chain of five records, signed by one key from the second on."""
    Ledger(tmp_path, CHAIN).append(kind="gate", key="k1", body=BODY)
    ledger = Ledger(tmp_path, CHAIN, keys("one"))
    for number in range(2, 6):
        ledger.append(kind="gate", key=f"k{number}", body=BODY, outcome="PASS")
    return ledger


def read(ledger: Ledger, seq: int) -> dict[str, Any]:
    """Return what the file of a record holds."""
    return json.loads((ledger.folder / f"{seq:08d}.json").read_bytes())


def write(ledger: Ledger, seq: int, data: dict[str, Any]) -> None:
    """Write the file of a record anew, as it stands."""
    path = ledger.folder / f"{seq:08d}.json"
    path.unlink(missing_ok=True)
    path.write_bytes(canonical_json(data).encode() + b"\n")


def rehash(data: dict[str, Any]) -> dict[str, Any]:
    """Give a record the hash of what it holds."""
    rest = {name: value for name, value in data.items() if name not in {"hash", "signature"}}
    return {**data, "hash": sha256_of(rest)}


# --- what a signature is


def test_a_signature_verifies_with_generic_libraries_and_the_public_key_alone(signed: Ledger) -> None:
    """A library of its own reads the DSSE envelope, and in-toto's own the statement."""
    record = signed.records()[2]
    key = SSlibKey.from_crypto(signing_key("one").public._key, keyid=record.signed_by)
    envelope = Envelope.from_dict(json.loads(json.dumps(record.signature)))
    accepted = envelope.verify([key], 1)
    statement = Statement.copy_from_pb(Parse(envelope.payload, statement_pb2.Statement()))
    statement.validate()

    assert list(accepted) == [signing_key("one").public.id]
    assert statement.pb.predicate_type == PREDICATE_TYPE
    assert statement.pb.predicate["seq"] == 3
    assert {item.name: "sha256:" + item.digest["sha256"] for item in statement.pb.subject} == {
        f"{CHAIN}/00000003": record.hash,
        "candidate.model_digest": MODEL,
        "evaluation_id": EVALUATION,
        "manifest.train.snapshots[0].snapshot_id": SNAPSHOT,
        "reference_snapshot_ids[0]": SNAPSHOT,
    }
    other = SSlibKey.from_crypto(signing_key("two").public._key, keyid=record.signed_by)
    with pytest.raises(VerificationError):
        envelope.verify([other], 1)


def test_a_signed_record_is_one_file_of_canonical_json(signed: Ledger) -> None:
    """The signature appears with the record, in one step; the hash is over everything else, the key's id included."""
    data = read(signed, 2)

    assert (data["schema"], data["signed_by"]) == (2, signing_key("one").public.id)
    assert rehash(data) == data
    assert signed.records()[1].to_dict() == data
    assert Ledger(signed.root, CHAIN).records() == signed.records()


def test_an_unsigned_record_stays_what_it_was(signed: Ledger) -> None:
    """Without a key the first schema is written, which every release reads."""
    data = read(signed, 1)

    assert data["schema"] == 1
    assert {"signed_by", "signature"}.isdisjoint(data)


def test_the_same_signature_comes_out_for_the_same_record(signed: Ledger) -> None:
    """Ed25519 is deterministic: a repeated put has the same bytes."""
    key = signing_key("one")

    assert key.sign(b"message") == signing_key("one").sign(b"message")
    assert str(key) == repr(key) == f"SigningKey({key.public.id})"


# --- whose signature counts


def test_an_intact_chain_tells_who_signed(signed: Ledger) -> None:
    """With the public key signatures are checked, without it the report says that they are not."""
    report = signed.examine()

    assert (report.problems, report.signed, report.checked) == ([], {signing_key("one").public.id: 4}, True)
    assert Ledger(signed.root, CHAIN).examine().checked is False
    assert Ledger(signed.root, CHAIN).verify() == []
    assert Ledger(signed.root, CHAIN, keys(None, "one", "two")).verify() == []


def test_an_unknown_key_is_refused(signed: Ledger) -> None:
    """A signature proves something only by a key that is trusted; reader, writer and check agree."""
    other = Ledger(signed.root, CHAIN, keys("two"))
    unknown = f"unknown key: it is signed by key {signing_key('one').public.id}"

    (problem,) = other.verify()
    assert problem.startswith(f"{CHAIN}/00000002.json: unknown key: it and 3 more, up to 00000005.json, are signed by")
    assert signing_key("one").public.id in problem
    assert "covers what they say" not in problem
    with pytest.raises(EvidenceBroken, match=unknown):
        other.records()
    with pytest.raises(EvidenceBroken, match=unknown):
        Ledger(signed.root, CHAIN, keys("two")).append(kind="gate", key="new", body={})


def test_several_keys_may_sign_at_once(signed: Ledger) -> None:
    """Two deployments share a ledger when each trusts the other's key."""
    Ledger(signed.root, CHAIN, keys("two", "one")).append(kind="gate", key="new", body={})
    report = Ledger(signed.root, CHAIN, keys("one", "two")).examine()

    assert report.problems == []
    assert list(report.signed.values()) == [4, 1]


def test_a_signed_chain_takes_no_unsigned_record(signed: Ledger) -> None:
    """Who loses the key cannot go on in silence."""
    with pytest.raises(BadInput, match="are signed: give the ledger's connection its signing key"):
        Ledger(signed.root, CHAIN).append(kind="gate", key="new", body={})

    assert len(signed.records()) == 5


# --- rotation


def rotate(ledger: Ledger, old: str, new: str) -> None:
    """Record that a key follows another."""
    key = signing_key(new).public
    body = {"old_key_id": signing_key(old).public.id, "new_key_id": key.id, "public_key": key.pem, "reason": "yearly"}
    Ledger(ledger.root, CHAIN, keys(old)).append(kind="key_rotation", key=f"{old} {new}", body=body)


def test_a_rotation_brings_the_new_key_by_the_old_one(signed: Ledger) -> None:
    """Who trusts the first key only can check what later ones signed."""
    rotate(signed, "one", "two")
    Ledger(signed.root, CHAIN, keys("two", "one")).append(kind="gate", key="k7", body={})
    rotate_by = Ledger(signed.root, CHAIN, keys("two", "one"))
    third = signing_key("three").public
    rotate_by.append(
        kind="key_rotation",
        key="two three",
        body={"old_key_id": signing_key("two").public.id, "new_key_id": third.id, "public_key": third.pem},
    )
    Ledger(signed.root, CHAIN, keys("three", "one")).append(kind="gate", key="k9", body={})

    assert Ledger(signed.root, CHAIN, keys(None, "one")).verify() == []
    assert len(Ledger(signed.root, CHAIN, keys(None, "one")).records()) == 9


def test_the_newest_key_alone_says_which_key_is_needed(signed: Ledger) -> None:
    """One line for all that the first key signed, and what stays open; a key that nobody trusts brings no other."""
    rotate(signed, "one", "two")
    Ledger(signed.root, CHAIN, keys("two", "one")).append(kind="gate", key="k7", body={})
    (problem,) = Ledger(signed.root, CHAIN, keys(None, "two")).verify()

    assert f"it and 4 more, up to 00000006.json, are signed by key {signing_key('one').public.id}" in problem
    assert "Record 7, which a trusted key signed, covers what they say" in problem
    problems = Ledger(signed.root, CHAIN, keys(None, "three")).verify()
    assert [problem.split(": it")[0] for problem in problems] == [
        f"{CHAIN}/{seq:08d}.json: unknown key" for seq in (2, 7)
    ]


def test_a_retired_key_signs_nothing_more(signed: Ledger) -> None:
    """A worker that still has the old key is told; what someone signs with it all the same is found."""
    rotate(signed, "one", "two")
    with pytest.raises(BadInput, match="Record 6 replaced the key sha256:"):
        Ledger(signed.root, CHAIN, keys("one", "two")).append(kind="gate", key="k7", body={})

    raw = write_record(
        chain=CHAIN,
        seq=7,
        prev_hash=read(signed, 6)["hash"],
        kind="gate",
        key="stolen",
        mode="live",
        outcome="PASS",
        body={},
        run={},
        signer=signing_key("one"),
    )
    (signed.folder / "00000007.json").write_bytes(raw)
    (problem,) = signed.verify()
    assert problem.startswith(f"{CHAIN}/00000007.json: retired key: it is signed by key sha256:")


@pytest.mark.parametrize("body", [{}, {"old_key_id": "x", "new_key_id": "y", "public_key": "z"}])
def test_a_rotation_that_is_none_is_not_written(signed: Ledger, body: dict[str, str]) -> None:
    """A record of this kind must say which keys, truly; nobody breaks the chain by a mistake."""
    for who in (keys("one"), Keys()):
        with pytest.raises(BadInput, match=r"no record of a rotation|signing key"):
            Ledger(signed.root, CHAIN, who).append(kind="key_rotation", key="r", body=body)

    assert len(signed.records()) == 5


def test_a_rotation_between_other_keys_is_forged(signed: Ledger) -> None:
    """What a writer of this project refuses to write, a check finds."""
    two, three = signing_key("two").public, signing_key("three").public
    body = {"old_key_id": signing_key("one").public.id, "new_key_id": two.id, "public_key": three.pem}
    raw = write_record(
        chain=CHAIN,
        seq=6,
        prev_hash=read(signed, 5)["hash"],
        kind="key_rotation",
        key="r",
        mode="live",
        outcome=None,
        body=body,
        run={},
        signer=signing_key("one"),
    )
    (signed.folder / "00000006.json").write_bytes(raw)

    assert signed.verify() == [f"{CHAIN}/00000006.json: forged: the rotation names other keys than it holds."]


# --- forging


def strip(data: dict[str, Any]) -> dict[str, Any]:
    """Take the signature away, and say that there never was one."""
    rest = {name: value for name, value in data.items() if name not in {"signed_by", "signature"}}
    return rehash(rest | {"schema": 1})


def lie(data: dict[str, Any]) -> dict[str, Any]:
    """Change the outcome, and the hash with it; keep the signature."""
    return rehash(data | {"outcome": "FAIL"})


def own_key(data: dict[str, Any]) -> dict[str, Any]:
    """Sign a changed record with a key of one's own, under the name of the true one."""
    changed = rehash(data | {"outcome": "FAIL"})
    envelope = sign_record(changed, signing_key("thief"))
    envelope["signatures"][0]["keyid"] = data["signed_by"]
    return changed | {"signature": envelope}


def flip(data: dict[str, Any]) -> dict[str, Any]:
    """Change a bit of the signature."""
    raw = bytearray(base64.b64decode(data["signature"]["signatures"][0]["sig"]))
    raw[5] ^= 1
    signature = {**data["signature"]["signatures"][0], "sig": base64.b64encode(raw).decode()}
    return data | {"signature": {**data["signature"], "signatures": [signature]}}


def no_signature(data: dict[str, Any]) -> dict[str, Any]:
    """Leave an envelope without a signature."""
    return data | {"signature": {**data["signature"], "signatures": []}}


def other_type(data: dict[str, Any]) -> dict[str, Any]:
    """Say that the payload is something else."""
    return data | {"signature": {**data["signature"], "payloadType": "text/plain"}}


def nonsense(data: dict[str, Any]) -> dict[str, Any]:
    """Put something that is no envelope in its place."""
    return data | {"signature": {"payload": "!", "payloadType": 3, "signatures": "x"}}


@pytest.mark.parametrize("forge", [strip, lie, own_key, flip, no_signature, other_type, nonsense])
def test_forging_the_newest_record_is_found(signed: Ledger, forge: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The chain alone would not see these, for no later record holds the hash; the signature does."""
    write(signed, 5, forge(read(signed, 5)))
    fresh = Ledger(signed.root, CHAIN, signed.keys)
    (problem,) = fresh.verify()

    assert problem.startswith(f"{CHAIN}/00000005.json: {'not signed' if forge is strip else 'forged'}: ")
    with pytest.raises(EvidenceBroken, match=r"00000005\.json: (not signed|forged)"):
        fresh.records()


@pytest.mark.parametrize("forge", [strip, lie, no_signature, other_type, nonsense])
def test_without_a_public_key_what_a_key_is_not_needed_for_is_found(
    signed: Ledger, forge: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """The envelope must still be about this record."""
    write(signed, 5, forge(read(signed, 5)))

    assert len(Ledger(signed.root, CHAIN, Keys()).verify()) == 1


def test_a_signature_of_another_record_is_found(signed: Ledger) -> None:
    """A true signature in the wrong place says nothing."""
    write(signed, 5, read(signed, 5) | {"signature": read(signed, 4)["signature"]})

    assert signed.verify() == [f"{CHAIN}/00000005.json: forged: its signature is that of something else."]


def test_all_after_a_forged_record_is_judged_too(signed: Ledger) -> None:
    """One check names every broken record."""
    write(signed, 3, flip(read(signed, 3)))
    write(signed, 5, strip(read(signed, 5)))

    assert [problem.split(": ")[:2] for problem in signed.verify()] == [
        [f"{CHAIN}/00000003.json", "forged"],
        [f"{CHAIN}/00000005.json", "not signed"],
    ]
