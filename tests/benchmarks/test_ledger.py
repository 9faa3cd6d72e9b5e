"""What the ledger costs: appends that survive a crash, and checks of a whole chain."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.trust import Keys
from tests.support.keys import keys

CHAIN = "model/flight_delays"
PROCESSES, APPENDS, RECORDS, PAIRS = 4, 300, 5_000, 3
BODY = {
    "partition_key": "2013-02",
    "evaluation_id": "sha256:" + "a" * 64,
    "verdict": {
        "outcome": "PASS",
        "marks": [],
        "rules": [
            {"rule": f"rule_{number}", "outcome": "PASS", "reason": "roc_auc 0.741 [0.735, 0.747]", "numbers": {"n": 1}}
            for number in range(6)
        ],
    },
}


def append_ours(root: Path, writer: int, ready: Any) -> None:
    """Append as one of several processes."""
    ledger = Ledger(root, CHAIN)
    ready.wait()
    for number in range(APPENDS):
        ledger.append(kind="gate", key=f"{writer}-{number}", body=BODY)


def append_sqlite(root: Path, writer: int, ready: Any) -> None:
    """Insert into a table that is as safe: each row on its own, synced."""
    import json

    with closing(sqlite3.connect(root / "peer.db", timeout=60, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=FULL")
        ready.wait()
        for number in range(APPENDS):
            row = (f"{writer}-{number}", json.dumps(BODY))
            connection.execute("INSERT INTO records (key, body) VALUES (?, ?)", row)


def rate(work: Callable[[Path, int, Any], None], root: Path) -> float:
    """Return how many appends a second several processes make together."""
    context = get_context("fork")
    ready = context.Barrier(PROCESSES + 1)
    workers = [context.Process(target=work, args=(root, writer, ready)) for writer in range(PROCESSES)]
    for worker in workers:
        worker.start()
    ready.wait()
    before = time.perf_counter()
    for worker in workers:
        worker.join()
    assert not any(worker.exitcode for worker in workers)
    return PROCESSES * APPENDS / (time.perf_counter() - before)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_ledger_appends_per_s(tmp_path: Path, keep: Callable[..., None]) -> None:
    """Four processes, one chain, file and folder synced; SQLite inserts the same bodies into one table."""
    runs, peers = [], []
    for pair in range(PAIRS):
        root = tmp_path / str(pair)
        root.mkdir()
        with closing(sqlite3.connect(root / "peer.db")) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE records (seq INTEGER PRIMARY KEY, key TEXT UNIQUE, body TEXT)")
        peers.append(rate(append_sqlite, root))
        runs.append(rate(append_ours, root))
    peer = f"SQLite, WAL, synchronous=FULL, 4 processes: {sorted(peers)[PAIRS // 2]:,.0f}/s"
    keep("ledger_appends_per_s", runs, unit="1/s", goal=">= 300", peer=peer)


@pytest.fixture(params=[None, "one"], ids=["unsigned", "signed"])
def chain(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Any]:
    """A long chain; syncing is left out, for it is read only."""
    monkeypatch.setattr("os.fsync", lambda _: None)
    ledger = Ledger(tmp_path, CHAIN, keys(request.param) if request.param else None)
    for number in range(RECORDS):
        ledger.append(kind="gate", key=str(number), body=BODY)
    return tmp_path, request.param


def test_ledger_verify_per_s(chain: tuple[Path, str | None], keep: Callable[..., None]) -> None:
    """Read, hash, link, and the signature where there is one; per second of one processor."""
    root, key = chain
    runs = []
    for _ in range(PAIRS + 1):
        ledger = Ledger(root, CHAIN, keys(None, key) if key else Keys())
        before = time.process_time()
        assert ledger.verify() == []
        runs.append(RECORDS / (time.process_time() - before))
    name, goal = ("ledger_verify_signed_per_s", "-") if key else ("ledger_verify_per_s", ">= 20000")
    keep(name, runs[1:], unit="1/s", goal=goal, peer="none: records of 1 kB, warm page cache")
