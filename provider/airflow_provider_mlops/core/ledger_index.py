"""The index of a chain: what is asked of its records every day, so that none of the old ones is read for it.

An index is derived from the records and is no evidence: whoever deletes it loses time, and the next reader makes it
anew. It lies beside the chains, in ``.index/<chain>/``, as blocks that are created once, like records. A block covers
64 records, or eight blocks of the size below. Its first line names its records, the second one its hash, signed by the
key that signs the ledger. A reader takes those of its own key only.
"""

import gc
import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.canonical import PREFIX, canonical_json, sha256_bytes, sha256_of
from airflow_provider_mlops.core.chain import record_name
from airflow_provider_mlops.core.errors import EvidenceBroken, MLOpsError
from airflow_provider_mlops.core.late import Late, LateReader
from airflow_provider_mlops.core.record import SCHEMA as PLAIN
from airflow_provider_mlops.core.record import SIGNED, Record
from airflow_provider_mlops.core.signing import Signer, index_signed, sign_index
from airflow_provider_mlops.core.store import Store
from airflow_provider_mlops.core.verdict_summary import summary_of

FOLDER = ".index"
BLOCK = 64
SIZES = tuple(BLOCK * 8**level for level in range(5))[::-1]
"""How many records a block covers, the largest first: 20 blocks are as many as a chain of thousands needs."""
SCHEMA = 1
_NAMES = """
    accepted_rows accepted_snapshot_id alias arm champion_manifest_hash champion_version dataset drift_kind
    drift_record_hashes estimated evaluation_id feature gate_record_hash kind labels_id manifest_hash matured
    maturity_seconds message model_version mute_record partition_key performance_record_hashes planned_on policy_hash
    predictions_record previous_version profile profile_spec reference reference_of rows rule scores scores_id slices
    snapshot_id snapshots source until version who why
"""
MEMBERS = frozenset(_NAMES.split())
"""Members of bodies that daily questions filter by. One that is left out costs time, and changes no answer."""
RUN_MEMBERS = frozenset({"dag_id", "run_id"})
_LONGEST = 400
_LONGER = {"snapshots": 20_000}
_SUMMED = "performance"
_ROW = 11
FORM = sha256_of([SCHEMA, sorted(MEMBERS), sorted(RUN_MEMBERS)]).removeprefix(PREFIX)[:8]
_NAME = re.compile(r"([0-9]{8,})-([0-9]{8,})\.jsonl")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Block:
    """A part of an index.

    :param name: its path below the root of the ledgers.
    :param first: number of its first record.
    :param prev_hash: hash of the record before that.
    :param rows: what it says of each record; see `row_of`.
    """

    name: str
    first: int
    prev_hash: str | None
    rows: Sequence[Sequence[Any]]

    @property
    def last_hash(self) -> str:
        """Hash of its last record."""
        return str(self.rows[-1][5])


@contextmanager
def collecting_later() -> Iterator[None]:
    """Let Python's collector rest while an index is read: it would look at each of many thousand new objects again.

    :return: context manager; a collector that was off stays so.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def row_of(record: Record) -> list[Any]:
    """Say what an index holds of a record.

    :param record: the record, as it was read, or as an index of the same form knows it.
    :return: kind, key, mode, outcome, time, hash, signing key, members of the body, names of those that are too long,
        members of the run, and the summary of a verdict; JSON-safe.
    """
    facts, left = _kept(record.body, MEMBERS)
    run, _ = _kept(record.run, RUN_MEMBERS)
    summary = summary_of(record.body) if record.kind == _SUMMED else None
    plain = [record.kind, record.key, record.mode, record.outcome, record.time, record.hash, record.signed_by]
    return [*plain, facts, left, run, summary]


def spans(count: int) -> Iterator[tuple[int, int]]:
    """Cut the first records of a chain into blocks, the largest that there can be.

    :param count: how many records the chain has.
    :return: first and last number of each block; the newest records, fewer than a block, are in none.
    """
    at = 0
    while (size := next((size for size in SIZES if at % size == 0 and at + size <= count), None)) is not None:
        yield at + 1, at + size
        at += size


def read_blocks(store: Store, chain: str, signer: Signer | None, count: int) -> list[Block]:
    """Read the index of a chain as far as it is good.

    :param store: where it lies.
    :param chain: the chain.
    :param signer: the key that signs the ledger; None: the index is not signed.
    :param count: how many records there are.
    :return: blocks that follow one another from the first record on; none where there is no index. What is wrong with
        one is a warning, and it and those after it are left out.
    """
    folder = _folder(chain, signer)
    try:
        there = _spans_in(store.names(folder))
        names = [(first, _path(folder, first, last)) for first, last in _largest(there, count)]
        raws = list(store.read_all([name for _, name in names]))
    except MLOpsError as err:
        _log.debug("The index of %s cannot be read: %s", chain, err)
        return []
    found: list[Block] = []
    for (first, name), raw in zip(names, raws, strict=True):
        try:
            block = parse_block(name, raw or b"", chain, signer)
            if (block.first, block.prev_hash) != (first, found[-1].last_hash if found else None):
                raise EvidenceBroken("it does not follow the block before it")
        except EvidenceBroken as err:
            _log.warning(
                "%s/%s is no index of this ledger and is passed over: %s. The records are read; delete the file, it is "
                "made anew.",
                store.root,
                name,
                err,
            )
            break
        found.append(block)
    return found


def records_of(store: Store, chain: str, blocks: Iterable[Block]) -> list[Record]:
    """Return the records that an index names; their bodies are read when they are needed.

    :param store: where the chain lies.
    :param chain: the chain.
    :param blocks: as `read_blocks` returns them.
    :return: the records in order.
    """
    reader = LateReader(lambda seq: store.read(f"{chain}/{record_name(seq)}"))
    for block in blocks:
        before = block.prev_hash
        for seq, row in enumerate(block.rows, block.first):
            record = _late_record(reader, chain, seq, before, row)
            reader.known.append(record)
            before = record.hash
    return reader.known


def write_blocks(store: Store, chain: str, signer: Signer | None, records: Sequence[Record]) -> None:
    """Write the blocks that a chain lacks. Where none can be written the ledger works as it does without.

    :param store: where the chain lies.
    :param chain: the chain.
    :param signer: the key that signs the ledger; None: the index is not signed.
    :param records: all records of the chain, checked.
    """
    folder = _folder(chain, signer)
    try:
        there = _spans_in(store.names(folder))
        wanted = [span for span in spans(len(records)) if span not in there]
        if wanted:
            store.prepare(folder)
            store.tidy(folder)
        for first, last in wanted:
            store.create(_path(folder, first, last), _block_bytes(chain, signer, records[first - 1 : last]))
    except MLOpsError as err:
        _log.debug("No index of %s is written: %s", chain, err)


def parse_block(name: str, raw: bytes, chain: str, signer: Signer | None) -> Block:
    """Read a block, and prove it against its hash and the key.

    :param name: its path below the root.
    :param raw: its bytes.
    :param chain: the chain that it must be of.
    :param signer: the key that must have signed it; None: none.
    :return: the block.
    :raises EvidenceBroken: when it is not a block, of something else, changed, or not signed by that key.
    """
    content, _, seal_text = raw.partition(b"\n")
    try:
        seal, data = json.loads(seal_text), json.loads(content)
        first, last, rows = data["first"], data["last"], data["records"]
        head = {key: value for key, value in data.items() if key != "records"}
        digest, envelope = seal["hash"], seal.get("signature")
        fits = head == _head(chain, first, last, data["prev_hash"]) and len(rows) == last - first + 1
        fits = fits and all(type(row) is list and len(row) == _ROW for row in rows)
    except (ValueError, TypeError, KeyError, LookupError, AttributeError, RecursionError):
        raise EvidenceBroken("it cannot be read") from None
    if not fits or not name.endswith(_path("", first, last)):
        raise EvidenceBroken("it is of something else")
    if sha256_bytes(content) != digest:
        raise EvidenceBroken("it was changed")
    if signer is not None and not index_signed(envelope, head, digest, signer.public):
        raise EvidenceBroken("it is not signed by the key of the ledger")
    return Block(name, first, data["prev_hash"], rows)


def _block_bytes(chain: str, signer: Signer | None, records: Sequence[Record]) -> bytes:
    first = records[0]
    head = _head(chain, first.seq, records[-1].seq, first.prev_hash)
    content = canonical_json({**head, "records": [row_of(record) for record in records]}).encode()
    seal: dict[str, Any] = {"hash": sha256_bytes(content)}
    if signer is not None:
        seal["signature"] = sign_index(head, seal["hash"], signer)
    return content + b"\n" + canonical_json(seal).encode() + b"\n"


def _head(chain: str, first: int, last: int, prev_hash: str | None) -> dict[str, Any]:
    return {"schema": SCHEMA, "form": FORM, "chain": chain, "first": first, "last": last, "prev_hash": prev_hash}


def _late_record(reader: LateReader, chain: str, seq: int, before: str | None, row: Sequence[Any]) -> Record:
    kind, key, mode, outcome, time, digest, signed_by, facts, left, run, summary = row
    return Record(
        chain,
        seq,
        before,
        kind,
        key,
        mode,
        time,
        outcome,
        Late(reader, seq, "body", MEMBERS, facts, left or (), summary),
        Late(reader, seq, "run", RUN_MEMBERS, run),
        digest,
        SIGNED if signed_by else PLAIN,
        signed_by,
        Late(reader, seq, "signature") if signed_by else None,
    )


def _kept(part: Mapping[str, Any], names: frozenset[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the members that an index holds, and the names of those that are too long for it."""
    if isinstance(part, Late):
        return dict(part.facts), list(part.left)
    facts, left = {}, []
    for name in sorted(names):
        if name in part:
            if len(canonical_json(part[name])) <= _LONGER.get(name, _LONGEST):
                facts[name] = part[name]
            else:
                left.append(name)
    return facts, left


def _largest(there: set[tuple[int, int]], count: int) -> Iterator[tuple[int, int]]:
    """Choose the fewest blocks that cover the most, of those that there are."""
    at = 0
    while (size := next((s for s in SIZES if at + s <= count and (at + 1, at + s) in there), None)) is not None:
        yield at + 1, at + size
        at += size


def _spans_in(names: Iterable[str]) -> set[tuple[int, int]]:
    found = (_NAME.fullmatch(name) for name in names)
    return {(int(match[1]), int(match[2])) for match in found if match is not None}


def index_folder(chain: str) -> str:
    """Return where the index of a chain lies below the root of the ledgers, of all keys.

    :param chain: the chain.
    """
    return f"{FOLDER}/{chain}"


def _folder(chain: str, signer: Signer | None) -> str:
    """A folder for each key and form: none stands in the way of another that cannot use it."""
    who = signer.public.id.removeprefix(PREFIX)[:16] if signer is not None else "unsigned"
    return f"{index_folder(chain)}/{who}-{FORM}"


def _path(folder: str, first: int, last: int) -> str:
    return f"{folder}/{first:08d}-{last:08d}.jsonl"
