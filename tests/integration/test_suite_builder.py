"""Proposing a suite from stored snapshots, and holding it against others."""

import datetime as dt
import decimal
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from airflow_provider_mlops import sources
from airflow_provider_mlops.backends.parquet import SnapshotReader, write_snapshot
from airflow_provider_mlops.backends.seeing import see_files
from airflow_provider_mlops.backends.suite_file import load_suite
from airflow_provider_mlops.backends.validation import judge
from airflow_provider_mlops.core.column_seen import SnapshotSeen
from airflow_provider_mlops.core.suite_suggest import suggest
from airflow_provider_mlops.core.suite_text import suite_yaml
from tests.conftest import MakeLab
from tests.support.command import run_command
from tests.support.lab import DATASET, SYNTHETIC


def rows(seed: int, count: int = 300) -> pd.DataFrame:
    """Rows with a column of each kind."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": np.arange(count) + 1000 * seed,
            "code": [f"UA{number}" for number in rng.integers(1, 9999, count)],
            "flag": rng.random(count) < 0.5,
            "carrier": rng.choice(["AA", "UA", "B6"], count),
            "delay": rng.normal(5, 20, count),
            "share": rng.random(count),
            "seats": rng.integers(10, 400, count),
            "small": rng.integers(0, 100, count).astype("int16"),
            "single": rng.normal(size=count).astype("float32"),
            "gaps": pd.array(np.where(rng.random(count) < 0.2, None, rng.integers(0, 9, count)), dtype="Int64"),
            "holes": pd.Series(rng.choice(["x", "y", None], count), dtype=object),
            "nan": np.where(rng.random(count) < 0.1, np.nan, rng.normal(size=count)),
            "endless": np.where(rng.random(count) < 0.1, np.inf, 1.0),
            "empty": pd.Series([None] * count, dtype=object),
            "maybe": pd.Series(rng.choice([True, False, None], count), dtype=object),
            "day": [dt.date(2013, 1, 1 + number % 28) for number in range(count)],
            "time": pd.date_range("2013-01-01", periods=count, freq="h", tz="UTC", unit="us"),
            "price": [decimal.Decimal(f"{number}.50") for number in rng.integers(1, 90, count)],
            "line\nend `\"'": rng.integers(0, 3, count),
        }
    )


def stored(folder: Path, frame: pd.DataFrame | pa.Table, name: str) -> tuple[Path, str]:
    """Write a snapshot."""
    place = folder / name
    place.mkdir()
    return place, write_snapshot([frame], place, {"partition_keys": [name]})["snapshot_id"]


def looked_at(folder: Path, snapshot_id: str) -> SnapshotSeen:
    """Look at a snapshot."""
    reader = SnapshotReader(folder, snapshot_id)
    return see_files(reader.manifest, reader.verified_paths())


@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_it_passes_on_what_it_was_made_from(tmp_path: Path, margin: float) -> None:
    """Every proposed expectation holds on each of the snapshots, of every kind of column."""
    places = [stored(tmp_path, rows(seed), f"2013-0{seed}") for seed in (1, 2)]
    seen = [looked_at(*place) for place in places]
    proposals = suggest(seen, margin=margin, regex=True)
    file = tmp_path / "suite.yaml"
    file.write_text(suite_yaml("flights", proposals, seen, margin), encoding="utf-8")
    suite = load_suite(file)

    assert {"expect_column_values_to_be_unique", "expect_column_values_to_match_regex"} <= {p.type for p in proposals}
    for folder, snapshot_id in places:
        paths = SnapshotReader(folder, snapshot_id).verified_paths()
        judged = judge(paths, suite, seed=snapshot_id)
        assert [(item.type, item.kwargs, item.numbers, item.error) for item in judged if not item.holds] == []


def test_batches_and_chunks_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column is a key over all of its rows, not in each batch."""
    from airflow_provider_mlops.backends import parquet_reader

    frame = pd.DataFrame({"key": [*range(50), *range(50)], "other": range(100)})
    place = stored(tmp_path, frame, "2013-01")
    monkeypatch.setattr(parquet_reader, "BATCH_ROWS", 7)
    unique = {column.name: column.unique for column in looked_at(*place).columns}

    assert unique == {"key": False, "other": True}


def suggested(lab: Any, tmp_path: Path, *words: str) -> Path:
    """Propose a suite from two months."""
    file = tmp_path / "proposed.yaml"
    ids = lab.facts["snapshots"]
    chosen = [word for key in ("2020-01", "2020-02") for word in ("--snapshot", ids[key])]
    assert run_command("suite", "suggest", "--dataset", DATASET, *chosen, "--output", str(file), *words) == 0
    return file


def test_suggest_writes_a_file_for_review(
    make_lab: MakeLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It validates the partitions; a file that is there stays; nothing half-written is left."""
    lab = make_lab("accepted")
    file = suggested(lab, tmp_path)
    assert "expectations from 2 snapshots" in capsys.readouterr().out
    assert "# seen:" in file.read_text()
    lab.run("validate", partition_key="2020-01", snapshot_id=lab.facts["snapshots"]["2020-01"], suite=str(file))

    file.write_text("mine")
    words = ["suite", "suggest", "--dataset", DATASET, "--snapshot", lab.facts["snapshots"]["2020-01"]]
    assert run_command(*words, "--output", str(file)) == 2
    assert "--force" in capsys.readouterr().err
    assert file.read_text() == "mine"
    assert run_command(*words, "--output", str(file), "--force") == 0
    assert load_suite(file)["name"] == DATASET
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert run_command(*words) == 0
    assert "expectations:" in capsys.readouterr().out


def test_diff_shows_what_a_partition_breaks(
    make_lab: MakeLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it was made from breaks nothing; a drifted month does, and says how much and what is allowed."""
    lab = make_lab("accepted")
    file, drifted = suggested(lab, tmp_path), lab.accept("2020-04", "drifted")
    same = ["--suite", str(file), "--dataset", DATASET, "--snapshot", lab.facts["snapshots"]["2020-02"]]
    capsys.readouterr()

    assert run_command("suite", "diff", *same) == 0
    assert "breaks 0 of" in capsys.readouterr().out
    assert run_command("suite", "diff", *same[:-1], drifted[:19]) == 1
    shown = capsys.readouterr().out
    assert "signal" in shown
    assert "of 800 values" in shown
    assert run_command("suite", "diff", *same[:-1], drifted, "--json") == 1
    broken = json.loads(capsys.readouterr().out)
    assert {"severity", "type", "kwargs", "numbers"} <= set(broken[0])


def test_diff_compares_two_suites(make_lab: MakeLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wider margin changes ranges; a suite is like itself."""
    lab = make_lab("accepted")
    file = suggested(lab, tmp_path)
    wider = file.rename(tmp_path / "narrow.yaml")
    file = suggested(lab, tmp_path, "--margin", "0.5")
    capsys.readouterr()

    assert run_command("suite", "diff", "--suite", str(wider), "--suite", str(file)) == 1
    assert "changed" in capsys.readouterr().out
    assert run_command("suite", "diff", "--suite", str(file), "--suite", str(file)) == 0
    assert "judge alike" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["suggest", "--dataset", "event", "--snapshot", "abcd"], "Did you mean events?"),
        (["suggest", "--dataset", DATASET, "--snapshot", "xyz"], "no id of a snapshot"),
        (["suggest", "--dataset", DATASET, "--snapshot", "ffffffff"], "shows what there is"),
        (["suggest", "--dataset", DATASET, "--snapshot", "{id}", "--margin", "-1"], "margin"),
        (["suggest", "--dataset", DATASET, "--snapshot", "{id}", "--output", "/no/where/s.yaml"], "no folder"),
        (["suggest", "--dataset", DATASET, "--snapshot", "{id}", "--output", "."], "is a folder"),
        (["diff", "--suite", "suit.yaml", "--dataset", DATASET, "--snapshot", "{id}"], "Did you mean suite.yaml?"),
        (["diff", "--suite", "typo.yaml", "--dataset", DATASET, "--snapshot", "{id}"], "mean expect_column_to_exist?"),
        (["diff", "--suite", "suite.yaml"], "give --dataset and --snapshot"),
        (
            ["diff", "--suite", "policy.yaml", "--dataset", DATASET, "--snapshot", "{id}"],
            "unknown key 'alpha'; known are: allow_empty",
        ),
        (["diff", "--suite", "suite.yaml", "--suite", "suite.yaml", "--snapshot", "{id}"], "not both"),
        (["diff", *("--suite", "suite.yaml") * 3], "At most two"),
    ],
)
def test_wrong_calls_are_answered(
    make_lab: MakeLab, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """Exit code 2, and a line that says what was meant or what is allowed."""
    lab = make_lab("accepted")
    snapshot_id = lab.facts["snapshots"]["2020-01"]
    typo = "name: s\nexpectations: [{type: expect_colum_to_exist, kwargs: {column: x}}]\n"
    (lab.root / "typo.yaml").write_text(typo)

    assert run_command("suite", *(word.replace("{id}", snapshot_id) for word in words)) == 2
    assert said in capsys.readouterr().err


def test_a_window_is_looked_at_as_its_members(
    make_lab: MakeLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A set that names others is proposed from, and held against a suite, where its members lie."""
    lab = make_lab("accepted")
    taken = {"dataset": "events_window", "partition_key": "2020-03", "time_column": "time"}
    window = lab.run("snapshot", **taken, source=sources.snapshots(DATASET))["snapshot_id"]
    file = tmp_path / "window.yaml"
    words = ["suite", "suggest", "--dataset", "events_window", "--snapshot", window, "--margin", "0"]
    assert run_command(*words, "--output", str(file)) == 0
    assert window in file.read_text()
    rows = [item["kwargs"] for item in load_suite(file)["expectations"] if "row_count" in item["type"]]
    assert all(one["min_value"] <= 1_600 <= one["max_value"] for one in rows)  # of both months

    capsys.readouterr()
    held = ["suite", "diff", "--suite", str(file), "--dataset", "events_window", "--snapshot", window]
    assert run_command(*held) == 0
    assert "breaks 0 of" in capsys.readouterr().out


def empty_month(lab: Any) -> str:
    """Take a partition without rows."""
    taken = lab.run("snapshot", partition_key="2020-04", source=f"{SYNTHETIC}:empty", allow_empty=True)
    return str(taken["snapshot_id"])


def test_a_snapshot_without_rows_proposes_nothing_of_its_own(
    make_lab: MakeLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside others its columns count; alone there is nothing to propose from, and no file is written."""
    lab = make_lab("accepted")
    empty, file = empty_month(lab), tmp_path / "suite.yaml"
    words = ["suite", "suggest", "--dataset", DATASET, "--output", str(file), "--snapshot", empty]
    assert run_command(*words) == 2
    assert "None of the snapshots has a row" in capsys.readouterr().err
    assert not file.exists()

    assert run_command(*words, "--snapshot", lab.facts["snapshots"]["2020-01"]) == 0
    rows = [item["kwargs"] for item in load_suite(file)["expectations"] if "row_count" in item["type"]]
    assert [(one["min_value"], one["max_value"]) for one in rows] == [(720, 880)]


def test_diff_on_a_snapshot_without_rows(make_lab: MakeLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what the validation would: undecided, unless the suite allows it; its columns are judged."""
    lab = make_lab("accepted")
    file, empty = suggested(lab, tmp_path), empty_month(lab)
    words = ["suite", "diff", "--dataset", DATASET, "--snapshot", empty, "--suite", str(file)]
    capsys.readouterr()
    assert run_command(*words) == 1
    said = capsys.readouterr()
    assert "breaks 0 of" in said.out
    assert "INCONCLUSIVE: there are no rows" in said.err

    file.write_text(f"allow_empty: true\n{file.read_text()}")
    assert run_command(*words) == 0
    assert "the suite allows that" in capsys.readouterr().err
    file.write_text(file.read_text().replace("signal", "sgnal"))
    assert run_command(*words) == 1
    assert "expect_table_columns_to_match_set" in capsys.readouterr().out


def test_diff_shows_what_may_be_set_aside_or_missing(
    make_lab: MakeLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Keys of the whole suite differ as expectations do; rows that would be set aside are shown as broken."""
    lab = make_lab("accepted")
    words = ["suite", "diff", "--suite", "quarantine.yaml"]
    (lab.root / "other.yaml").write_text(
        "allow_empty: true\n" + (lab.root / "quarantine.yaml").read_text().replace("max_share: 0.1", "max_share: 0.2")
    )
    assert run_command(*words, "--suite", "other.yaml", "--json") == 1
    changes = json.loads(capsys.readouterr().out)
    assert [(one["type"], one["before"], one["after"]) for one in changes] == [
        ("quarantine", {"quarantine": {"max_share": 0.1}}, {"quarantine": {"max_share": 0.2}}),
        ("allow_empty", {"allow_empty": None}, {"allow_empty": True}),
    ]

    snapshot = lab.facts["snapshots"]["2020-01"]
    assert run_command(*words, "--dataset", DATASET, "--snapshot", snapshot, "--json") == 1
    shown = {
        one["severity"]: one["numbers"]["unexpected_count"]
        for one in json.loads(capsys.readouterr().out)
        if "unexpected_count" in one["numbers"]
    }
    assert shown["quarantine"] > 0
