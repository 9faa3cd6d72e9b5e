#!/usr/bin/env python3
"""Checks an export of a model's evidence. Needs Python 3.8 or newer, and the library "cryptography" for signatures.

    python verify.py                        this folder, unpacked
    python verify.py EXPORT.zip             a ZIP file
    python verify.py --public-key FILE ...  trust the keys in FILE instead of those in the export, which must be signed;
                                            after rotations of the key, the first or the newest one is enough
    python verify.py --last-hash HASH ...   the hash, kept elsewhere, of a record that must be there

Exits with 0 when everything holds, with 1 when something does not and names it, with 2 when it was called wrongly.

This file is written into each export as verify.py. It imports nothing of the project that wrote the records, on
purpose: read it, or write your own by the README beside it.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence  # noqa: UP035 - an older Python reads this too

INDEX, SEAL = "index.json", "index.dsse.json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
RECORD_TYPE = "urn:airflow-provider-mlops:ledger-record:v1"
EXPORT_TYPE = "urn:airflow-provider-mlops:ledger-export:v1"
ABOUT = ("chain", "seq", "prev_hash", "kind", "key", "mode", "time", "outcome")
RECORD = re.compile(r"ledger/((?:model|dataset)/[A-Za-z0-9_-]+)/([0-9]{8,})\.json")
CONTENT = re.compile(r"(policies|suites)/([0-9a-f]{64})\.json")
CARD = re.compile(r"cards/([0-9]{8,})/model_card\.md")
MANIFEST = re.compile(r"snapshots/[A-Za-z0-9_-]+/([0-9a-f]{64})\.json")
KEY = re.compile(r"-----BEGIN PUBLIC KEY-----(.*?)-----END PUBLIC KEY-----", re.DOTALL)


class State:
    """What a chain has said of keys so far.

    :param keys: those that are trusted from the start, by their id.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self.keys = dict(keys)
        self.retired: set[str] = set()
        self.by: dict[str, int] = {}


def sha256(data: bytes) -> str:
    """Return the hash of bytes, as the records write it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def canonical(value: Any) -> bytes:
    """Return the one JSON text of a value: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def read_files(place: str) -> tuple[dict[str, bytes], list[str]]:
    """Return the content of every file of an export by its name, and what is wrong with the container."""
    path = Path(place)
    if path.is_dir():
        found = [item for item in sorted(path.rglob("*")) if item.is_file() and "__pycache__" not in item.parts]
        return {item.relative_to(path).as_posix(): item.read_bytes() for item in found}, []
    files: dict[str, bytes] = {}
    problems = []
    with zipfile.ZipFile(path) as archive:
        for item in archive.infolist():
            if item.filename in files:
                problems.append(item.filename + ": stands twice in the ZIP file")
            try:
                files[item.filename] = archive.read(item)
            except (zipfile.BadZipFile, ValueError, OSError) as err:
                files[item.filename] = b""
                problems.append(f"{item.filename}: cannot be read: {err}")
    return files, problems


def check_index(files: Mapping[str, bytes]) -> Iterator[str]:
    """Yield what the index says otherwise than the files do."""
    index = json.loads(files[INDEX])
    rest = {name: value for name, value in index.items() if name != "index_hash"}
    if index["index_hash"] != sha256(canonical(rest)) or files[INDEX] != canonical(index) + b"\n":
        yield INDEX + ": edited: its content does not match its hash"
    for name in sorted(set(index["files"]) | set(files)):
        if name in (INDEX, SEAL):
            continue
        if name not in files:
            yield name + ": missing: the index names it"
        elif name not in index["files"]:
            yield name + ": extra: the index does not name it"
        elif sha256(files[name]) != index["files"][name]:
            yield name + ": edited: the index holds another hash of it"
    if index["sealed_by"] is not None and SEAL not in files:
        yield SEAL + ": missing: the index says that it is signed"
    if index["sealed_by"] is None and SEAL in files:
        yield SEAL + ": extra: the index says that it is not signed"


def check_chains(files: Mapping[str, bytes], index: Mapping[str, Any]) -> Iterator[str]:
    """Yield the records that the index leaves out of its chains: nobody would look at them."""
    chain = "model/" + str(index["model"])
    if chain not in index["chains"]:
        yield f"ledger/{chain}: the index does not name the model's chain"
    for name in sorted(files):
        found = RECORD.fullmatch(name)
        if name.startswith("ledger/") and (found is None or found.group(1) not in index["chains"]):
            yield name + ": it is in no chain of the index"


def check_content(files: Mapping[str, bytes]) -> Iterator[str]:
    """Yield policies, suites and manifests that are not what their name says, and policies that records do not hold."""
    for name in sorted(files):
        content, manifest = CONTENT.fullmatch(name), MANIFEST.fullmatch(name)
        try:
            if content and hashlib.sha256(canonical(json.loads(files[name]))).hexdigest() != content.group(2):
                yield name + ": edited: its content does not match its name"
            if manifest and json.loads(files[name])["snapshot_id"] != "sha256:" + manifest.group(1):
                yield name + ": it is the manifest of another snapshot"
        except (ValueError, KeyError, TypeError):
            yield name + ": unreadable"


def check_cards(files: Mapping[str, bytes], model: str) -> Iterator[str]:
    """Yield model cards that are not the ones that records are about."""
    for name in sorted(files):
        found = CARD.fullmatch(name)
        try:
            record = json.loads(files[f"ledger/model/{model}/{found.group(1)}.json"]) if found else None
            if record and sha256(files[name]) != "sha256:" + record["body"]["page_sha256"]:
                yield name + ": it is not the card that the record is about"
        except (ValueError, KeyError, TypeError):
            yield name + ": no record is about it"


def fields(raw: bytes) -> dict[str, Any]:
    """Return the fields of a record, none of one that cannot be read: that is told of where chains are checked."""
    try:
        record = json.loads(raw)
    except ValueError:
        return {}
    return record if isinstance(record, dict) and isinstance(record.get("body"), dict) else {}


def check_citations(files: Mapping[str, bytes], index: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the model's records, and the registry's checkpoint, say of records that are others or not there."""
    model = "model/" + str(index["model"])
    cited: dict[str, Any] = {}
    if (index.get("checkpoint") or {}).get("seq"):
        cited["the checkpoint"] = {"chain": model, **index["checkpoint"]}
    for name in sorted(files):
        found = RECORD.fullmatch(name)
        if found and found.group(1) == model:
            cited[name] = fields(files[name]).get("body", {}).get("dataset_record")
    for who, what in cited.items():
        if what and what["chain"] in index["chains"]:
            name = f"ledger/{what['chain']}/{what['seq']:08d}.json"
            if fields(files.get(name, b"")).get("hash") != what["hash"]:
                yield f"{name}: {who} names it with the hash {what['hash']}, it is another one or missing"


def say_checkpoint(index: Mapping[str, Any], say: Callable[[str], object]) -> None:
    """Say whether the end of the model's chain was compared when the export was made."""
    kept = index.get("checkpoint") or {"compared": False, "seq": None}
    if kept["seq"]:
        say(f"When this was exported, the registry's checkpoint agreed: record {kept['seq']}, {kept['hash']}")
    else:
        why = "the registry held no checkpoint" if kept["compared"] else "no registry was asked"
        say(f"When this was exported, truncation was not checked: {why}.")


def read_keys(texts: Iterable[str]) -> dict[str, bytes]:
    """Return public keys by their id: the SHA-256 of the key in its DER form."""
    keys: dict[str, bytes] = {}
    for text in texts:
        for body in KEY.findall(text):
            der = base64.b64decode("".join(body.split()))
            keys[sha256(der)] = der
    return keys


def is_signed(der: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether a key made a signature."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(der)
        if not isinstance(key, Ed25519PublicKey):
            return False
        key.verify(signature, message)
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def check_envelope(
    envelope: Any, key_id: str, keys: Mapping[str, bytes], predicate_type: str, subject: Any, about: Any
) -> str | None:
    """Return what is wrong with a DSSE envelope, or None."""
    try:
        payload = base64.b64decode(envelope["payload"], validate=True)
        (signature,) = envelope["signatures"]
        statement = json.loads(payload)
        head = (envelope["payloadType"], signature["keyid"], statement["_type"], statement["predicateType"])
        if head != (PAYLOAD_TYPE, key_id, STATEMENT_TYPE, predicate_type):
            return "forged: its signature is that of something else"
        if statement["subject"][0] != subject or statement["predicate"] != about:
            return "forged: its signature is that of something else"
        if key_id not in keys:
            return "unknown key: it is signed by " + key_id
        message = b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)
        if not is_signed(keys[key_id], message, base64.b64decode(signature["sig"], validate=True)):
            return "forged: the key did not make its signature"
    except ImportError:
        return "not checked: install the library 'cryptography' to check signatures"
    except (ValueError, KeyError, TypeError, LookupError):
        return "forged: its signature cannot be read"
    return None


def check_seal(raw: bytes, key_id: str, keys: Mapping[str, bytes], subject: Any, about: Any) -> str | None:
    """Return what is wrong with the signature of the index, or None."""
    try:
        envelope = json.loads(raw)
    except ValueError:
        return "forged: it cannot be read"
    if raw != canonical(envelope) + b"\n":
        return "edited: it is not canonical"
    return check_envelope(envelope, key_id, keys, EXPORT_TYPE, subject, about)


def check_record(raw: bytes, chain: str, seq: int, before: str | None, state: State) -> tuple[Any, str | None]:
    """Return the fields of a record and what is wrong with it, or None."""
    record = json.loads(raw)
    text = raw[:-1]
    for member in ("hash", "signature"):
        if member in record:
            part = b',"%s":%s' % (member.encode(), canonical(record[member]))
            if text.count(part) != 1:
                return record, "edited: it is not canonical"
            text = text.replace(part, b"")
    if not raw.endswith(b"\n") or sha256(text) != record["hash"]:
        return record, "edited: its content does not match its hash"
    if (record["chain"], record["seq"]) != (chain, seq):
        return record, f"moved: it holds record {record['seq']} of {record['chain']}"
    if record["prev_hash"] != before:
        return record, "wrong prev_hash: it does not follow the record before it"
    for what in ("policy", "suite"):
        content = record["body"].get(what + "_content")
        if content is not None and sha256(canonical(content)) != record["body"][what + "_hash"]:
            return record, f"its {what}_hash is not that of its {what}"
    return record, check_signed(record, state)


def check_signed(record: Any, state: State) -> str | None:
    """Return what is wrong with the signature of a record, or None; learn from rotations of the key."""
    key_id = record.get("signed_by")
    if key_id is None:
        return "not signed: earlier records of this chain are" if state.by else None
    state.by[key_id] = state.by.get(key_id, 0) + 1
    if key_id in state.retired:
        return "retired key: an earlier record replaced it"
    name = f"{record['chain']}/{record['seq']:08d}"
    subject = {"name": name, "digest": {"sha256": record["hash"][len("sha256:") :]}}
    about = {member: record[member] for member in ABOUT}
    problem = check_envelope(record["signature"], key_id, state.keys, RECORD_TYPE, subject, about)
    if problem is None and record["kind"] == "key_rotation" and record["mode"] == "live":
        new = read_keys([record["body"]["public_key"]])
        if record["body"]["old_key_id"] != key_id or list(new) != [record["body"]["new_key_id"]]:
            return "forged: the rotation names other keys than it holds"
        state.keys.update(new)
        state.retired.add(key_id)
    return problem


def check_chain(
    files: Mapping[str, bytes], chain: str, count: int, keys: Mapping[str, bytes]
) -> tuple[list[str], list[str | None], State]:
    """Return what is wrong with a chain, the hashes of its records, and what it says of keys."""
    problems: list[str] = []
    hashes: list[str | None] = []
    before: str | None = None
    state = State(keys)
    numbers = sorted(int(m.group(2)) for m in map(RECORD.fullmatch, files) if m and m.group(1) == chain)
    if numbers != list(range(1, count + 1)):
        problems.append(f"ledger/{chain}: its records are not 1 to {count}, as the index says")
    for seq in numbers:
        name = f"ledger/{chain}/{seq:08d}.json"
        try:
            record, problem = check_record(files[name], chain, seq, before, state)
            before = record["hash"]
        except (ValueError, KeyError, TypeError, AttributeError):
            record, problem, before = {}, "unreadable", None
        hashes.append(record.get("hash"))
        if problem:
            problems.append(f"{name}: {problem}")
    return problems, hashes, state


def older_keys(files: Mapping[str, bytes], keys: Mapping[str, bytes], own: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the keys that trusted ones replaced: the export, whose seal a trusted key made, brings them."""
    known = dict(keys)
    for name in sorted((name for name in files if RECORD.fullmatch(name)), reverse=True):
        record = fields(files[name])
        if record.get("kind") == "key_rotation" and record["body"].get("new_key_id") in known:
            old = record["body"].get("old_key_id")
            known.update({old: own[old]} if old in own else {})
    return known


def seal_problem(files: Mapping[str, bytes], index: Mapping[str, Any], keys: Mapping[str, bytes]) -> str | None:
    """Return what is wrong with the signature of the index, or None, also where there is none."""
    if index["sealed_by"] is None or SEAL not in files:
        return None
    subject = {"name": INDEX, "digest": {"sha256": hashlib.sha256(files[INDEX]).hexdigest()}}
    return check_seal(files[SEAL], index["sealed_by"], keys, subject, {"model": index["model"]})


def check(
    files: Mapping[str, bytes],
    trusted: Mapping[str, bytes] | None,
    last_hashes: Iterable[str],
    say: Callable[[str], object],
) -> list[str]:
    """Return everything that is wrong with an export."""
    problems = list(check_index(files)) + list(check_content(files))
    index = json.loads(files[INDEX])
    problems += [*check_chains(files, index), *check_cards(files, index["model"]), *check_citations(files, index)]
    if trusted is not None and index["sealed_by"] is None:
        problems.append(INDEX + ": not signed, and --public-key asks for a signature")
    own = read_keys(files[name].decode("utf-8", "replace") for name in sorted(files) if name.startswith("keys/"))
    keys = own if trusted is None else trusted
    if trusted is not None and index["sealed_by"] in trusted and seal_problem(files, index, trusted) is None:
        keys = older_keys(files, trusted, own)
    seen: set[str | None] = set()
    learned, retired = dict(keys), set()
    for chain, facts in sorted(index["chains"].items()):
        found, hashes, state = check_chain(files, chain, facts["records"], keys)
        problems += found
        seen.update(hashes)
        if not hashes or hashes[-1] != facts["last_hash"]:
            problems.append(f"ledger/{chain}: its last hash is not the one in the index")
        learned.update(state.keys)
        retired |= state.retired
        signed = " and ".join(f"{count} signed by {key}" for key, count in sorted(state.by.items())) or "not signed"
        say(f"{chain}: {facts['records']} records, last hash {facts['last_hash']}, {signed}")
    problem = seal_problem(files, index, learned)
    if problem is None and index["sealed_by"] in retired:
        problem = "retired key: a record in this export replaced the key that made its signature"
    problems += [f"{SEAL}: {problem}"] if problem else []
    problems += [f"{wanted}: no record with this hash is in the export" for wanted in last_hashes if wanted not in seen]
    say_checkpoint(index, say)
    for item in index["missing"]:
        say(f"not in this export: {item}")
    return problems


def main(arguments: Sequence[str], say: Callable[[str], object]) -> int:
    """Check an export; return the exit code."""
    parser = argparse.ArgumentParser(description="Check an export of a model's evidence.")
    parser.add_argument("place", nargs="?", default=str(Path(__file__).resolve().parent))
    parser.add_argument("--public-key", action="append", metavar="FILE", help="trust these keys only")
    parser.add_argument("--last-hash", action="append", default=[], metavar="HASH", help="a record that must be there")
    args = parser.parse_args(arguments)
    trusted = read_keys(Path(name).read_text() for name in args.public_key) if args.public_key else None
    if trusted == {}:
        parser.error("--public-key holds no public key in PEM form")
    try:
        files, problems = read_files(args.place)
        problems += check(files, trusted, args.last_hash, say)
    except (ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as err:
        problems = [f"{INDEX}: unreadable or missing, or the file is no export: {type(err).__name__}: {err}"]
    for problem in problems:
        say("PROBLEM " + problem)
    say(f"{len(problems)} problems" if problems else "Everything holds.")
    if trusted is None:
        say("The keys are those of the export itself: compare their ids, or the last hashes, with what you were given.")
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:], lambda line: sys.stdout.write(line + "\n")))
    except OSError as error:
        sys.stderr.write(str(error) + "\n")
        sys.exit(2)
