"""The objects of one chain: their names, and the search for what is wrong with them."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.record import Record, hash_holds, read_form
from airflow_provider_mlops.core.store import Store
from airflow_provider_mlops.core.trust import ChainTrust, Keys, UnknownKey

_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_FILE = re.compile(r"[0-9]{8,}\.json")


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a check of a whole chain found.

    :param problems: one sentence per problem, each starting with the record's name under the ledger's root.
    :param hashes: hash of each intact record by its number.
    :param signed: number of records by the id of the key that signed them.
    :param checked: whether there were public keys to check signatures with.
    """

    problems: list[str]
    hashes: dict[int, str] = field(default_factory=dict)
    signed: dict[str, int] = field(default_factory=dict)
    checked: bool = False

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def last_hash(self) -> str | None:
        """Hash of the newest intact record."""
        return self.hashes[max(self.hashes)] if self.hashes else None


def is_chain(name: object) -> bool:
    """Whether a name is one of a chain.

    :param name: parts joined by ``/``, e.g. ``model/flight_delays``; a part holds letters, digits, ``.``, ``_`` and
        ``-`` and does not start with a dot.
    """
    return isinstance(name, str) and all(_PART.fullmatch(part) for part in name.split("/"))


def check_chain(chain: str) -> str:
    """Check the name of a chain.

    :param chain: the name, as `is_chain` knows it.
    :return: the same name.
    :raises BadInput: when it is anything else, so that no chain leaves the ledger's folder.
    """
    if not is_chain(chain):
        raise BadInput(
            f"Chain {chain!r} is not a name such as model/flight_delays: "
            "parts of letters, digits, '.', '_' and '-', joined by '/', none starting with a dot."
        )
    return chain


def record_name(seq: int) -> str:
    """Return the file name of a record.

    :param seq: its place in the chain, from 1.
    :return: e.g. ``00000001.json``.
    """
    return f"{seq:08d}.json"


def record_numbers(names: Iterable[str]) -> tuple[list[int], list[str]]:
    """Sort the names in a chain's folder.

    :param names: as `Store.names` gives them.
    :return: the numbers of the records in order, and the names of files that do not belong there.
    """
    numbers, strangers = [], []
    for name in names:
        plain = name.rstrip("/")
        if _FILE.fullmatch(plain) and plain == record_name(int(plain[:-5])) and int(plain[:-5]) > 0:
            numbers.append(int(plain[:-5]))
        elif name == plain:
            strangers.append(name)
    return sorted(numbers), sorted(strangers)


def examine(store: Store, chain: str, keys: Keys, see: Callable[[Record], None] | None = None) -> ChainReport:
    """Read a whole chain and say what is wrong with it.

    :param store: where it lies.
    :param chain: the chain's name.
    :param keys: the keys to check signatures with.
    :param see: is shown each record that was not edited or moved.
    :return: what was found.
    """
    numbers, strangers = record_numbers(store.names(chain))
    if numbers != list(range(1, len(numbers) + 1)):
        # A listing may miss files that appear while it runs, but not ones that were there before it began.
        numbers = [number for number in record_numbers(store.names(chain))[0] if number <= numbers[-1]]
    problems = [f"{chain}/{name}: extra: it is not a record of this chain." for name in strangers]
    trust = ChainTrust(keys)
    hashes: dict[int, str] = {}
    problems += [f"{chain}/{text}" for text in _broken_links(store, chain, numbers, trust, hashes, see)]
    return ChainReport(problems, hashes, dict(trust.signed), trust.checked)


def _broken_links(
    store: Store,
    chain: str,
    numbers: list[int],
    trust: ChainTrust,
    hashes: dict[int, str],
    see: Callable[[Record], None] | None,
) -> Iterator[str]:
    before: str | None = None  # hash of the record before this one, None at the start of the chain
    known = True  # whether `before` can be relied on: not after a gap or an unreadable file
    followed: dict[str | None, int] = {}
    last = 0
    unknown: dict[str, list[int]] = {}
    vouched = 0  # the newest record that a trusted key has signed
    for seq, raw in zip(numbers, _contents(store, chain, numbers), strict=True):
        name = record_name(seq)
        if seq > last + 1:
            yield _gap(last + 1, seq - 1)
            known = False
        last = seq
        try:
            data = read_form(_bytes(raw))
        except (EvidenceBroken, BadInput) as err:
            yield f"{name}: {'unreadable: ' if isinstance(err, BadInput) else ''}{err}"
            known = False
            continue
        if not hash_holds(_bytes(raw), data):
            yield f"{name}: edited: its content does not match its hash."
            before, known = data["hash"], True
            continue
        if data["seq"] != seq or data["chain"] != chain:
            yield f"{name}: moved: it holds record {data['seq']} of {data['chain']}."
            known = False
            continue
        hashes[seq] = data["hash"]
        link = data["prev_hash"]
        if known and link != before:
            yield _wrong_link(name, seq, followed.get(link))
        record = Record(**data)
        if see is not None:
            see(record)
        try:
            trust.take(record)
            vouched = seq if data.get("signed_by") and trust.checked else vouched
        except UnknownKey as err:
            unknown.setdefault(err.key_id, []).append(seq)
        except EvidenceBroken as err:
            yield f"{name}: {err}"
        followed.setdefault(link, seq)
        before, known = data["hash"], True
    yield from (_unknown_key(key_id, seqs, vouched) for key_id, seqs in unknown.items())


def _contents(store: Store, chain: str, numbers: list[int]) -> Iterator[bytes | BadInput]:
    """Yield the content of each record, or why it cannot be read."""
    names = [f"{chain}/{record_name(seq)}" for seq in numbers]
    done = 0
    while done < len(names):
        try:
            for raw in store.read_all(names[done:]):
                done += 1
                yield raw or b""
        except BadInput as err:
            done += 1
            yield err


def _bytes(raw: bytes | BadInput) -> bytes:
    if isinstance(raw, BadInput):
        raise raw
    return raw


def _gap(first: int, last: int) -> str:
    if first == last:
        return f"{record_name(first)}: missing: later records exist."
    return f"{record_name(first)}: missing, with all up to {record_name(last)}: later records exist."


def _unknown_key(key_id: str, seqs: Sequence[int], vouched: int) -> str:
    """Say which key is needed; a trusted signature further on covers what stands before it, by the hashes."""
    more = f" and {len(seqs) - 1} more, up to {record_name(seqs[-1])}, are" if len(seqs) > 1 else " is"
    text = f"{record_name(seqs[0])}: unknown key: it{more} signed by key {key_id}. If you trust that key, give it too."
    if vouched > seqs[-1]:
        text += f" Record {vouched}, which a trusted key signed, covers what they say; who signed them stays open."
    return text


def _wrong_link(name: str, seq: int, rival: int | None) -> str:
    if rival is not None:
        return f"{name}: fork: it follows the same record as {record_name(rival)}."
    if seq == 1:
        return f"{name}: wrong prev_hash: the first record follows none."
    return f"{name}: wrong prev_hash: it does not follow {record_name(seq - 1)} as that stands now; one was rewritten."
