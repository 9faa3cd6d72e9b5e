"""The files of one chain: their names, and the search for what is wrong with them."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.exclusive import clear_errors
from airflow_provider_mlops.core.record import hash_holds, read_form

_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_BLOCK = 65_536
_FILE = re.compile(r"[0-9]{8,}\.json")


def check_chain(chain: str) -> str:
    """Check the name of a chain.

    :param chain: parts joined by ``/``, e.g. ``model/flight_delays``; a part holds letters, digits, ``.``, ``_`` and
        ``-`` and does not start with a dot.
    :return: the same name.
    :raises BadInput: when it is anything else, so that no chain leaves the ledger's folder.
    """
    if not isinstance(chain, str) or not all(_PART.fullmatch(part) for part in chain.split("/")):
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


def record_numbers(folder: Path) -> tuple[list[int], list[str]]:
    """List a chain's folder.

    :param folder: the folder; one that does not exist is an empty chain.
    :return: the numbers of the record files in order, and the names of files that do not belong there. Folders and
        names that start with a dot are passed over.
    """
    numbers, strangers = [], []
    with clear_errors(folder):
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = entry.name
                    if _FILE.fullmatch(name) and name == record_name(int(name[:-5])) and int(name[:-5]) > 0:
                        numbers.append(int(name[:-5]))
                    elif not name.startswith(".") and not entry.is_dir():
                        strangers.append(name)
        except FileNotFoundError:
            pass
    return sorted(numbers), sorted(strangers)


def read_file(folder: Path, seq: int) -> bytes | None:
    """Read the file of a record.

    :param folder: the chain's folder.
    :param seq: the record's place.
    :return: its bytes, None when there is no such file.
    """
    try:
        return _read_all(f"{folder}/{seq:08d}.json")
    except FileNotFoundError:
        return None
    except OSError:
        with clear_errors(folder / record_name(seq)):
            raise


def _read_all(path: str) -> bytes:
    # Half the time of open().read(): a chain is thousands of small files.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = [os.read(descriptor, _BLOCK)]
        while len(parts[-1]) == _BLOCK:
            parts.append(os.read(descriptor, _BLOCK))
    finally:
        os.close(descriptor)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def find_problems(folder: Path, chain: str) -> list[str]:
    """Read a whole chain and say what is wrong with it.

    :param folder: the chain's folder.
    :param chain: the chain's name.
    :return: one sentence per problem, each starting with the file's path under the ledger's root; empty when intact.
    """
    numbers, strangers = record_numbers(folder)
    if numbers != list(range(1, len(numbers) + 1)):
        # A listing may miss files that appear while it runs, but not ones that were there before it began.
        numbers = [number for number in record_numbers(folder)[0] if number <= numbers[-1]]
    problems = [f"{chain}/{name}: extra: it is not a record of this chain." for name in strangers]
    problems += [f"{chain}/{text}" for text in _broken_links(folder, chain, numbers)]
    return problems


def _broken_links(folder: Path, chain: str, numbers: list[int]) -> Iterator[str]:
    before: str | None = None  # hash of the record before this one, None at the start of the chain
    known = True  # whether `before` can be relied on: not after a gap or an unreadable file
    followed: dict[str | None, int] = {}
    last = 0
    for seq in numbers:
        name = record_name(seq)
        if seq > last + 1:
            yield _gap(last + 1, seq - 1)
            known = False
        last = seq
        try:
            raw = read_file(folder, seq)
            data = read_form(raw or b"")
        except (EvidenceBroken, BadInput) as err:
            yield f"{name}: {'unreadable: ' if isinstance(err, BadInput) else ''}{err}"
            known = False
            continue
        if not hash_holds(raw or b"", data["hash"]):
            yield f"{name}: edited: its content does not match its hash."
            before, known = data["hash"], True
            continue
        if data["seq"] != seq or data["chain"] != chain:
            yield f"{name}: moved: it holds record {data['seq']} of {data['chain']}."
            known = False
            continue
        link = data["prev_hash"]
        if known and link != before:
            yield _wrong_link(name, seq, followed.get(link))
        followed.setdefault(link, seq)
        before, known = data["hash"], True


def _gap(first: int, last: int) -> str:
    if first == last:
        return f"{record_name(first)}: missing: later records exist."
    return f"{record_name(first)}: missing, with all up to {record_name(last)}: later records exist."


def _wrong_link(name: str, seq: int, rival: int | None) -> str:
    if rival is not None:
        return f"{name}: fork: it follows the same record as {record_name(rival)}."
    if seq == 1:
        return f"{name}: wrong prev_hash: the first record follows none."
    return f"{name}: wrong prev_hash: it does not follow {record_name(seq - 1)} as that stands now; one was rewritten."
