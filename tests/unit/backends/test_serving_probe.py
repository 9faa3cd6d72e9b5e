"""What the serving process does, tried in this one."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io

from airflow_provider_mlops.backends import scikit_learn as sk
from airflow_provider_mlops.backends import serving_probe
from airflow_provider_mlops.backends.signature import wrong_frames
from tests.support.serving_models import LENIENT, Lenient
from tests.support.synthetic import FEATURES, rows_of, train

ROWS, LABELS, _ = sk.split_features(rows_of("2020-01"), features=FEATURES, label="late")


def asked(folder: Path, model: Any, **changes: Any) -> dict[str, Any]:
    """Lay out a model and its frozen rows, and return the request."""
    path = folder / serving_probe.ARCHIVE
    skops.io.dump(model, path)
    ROWS.reset_index(drop=True).to_parquet(folder / serving_probe.PROBE)
    return {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "trusted_types": [LENIENT],
        "task": "binary",
        "features": FEATURES,
        "prediction_digest": sk.prediction_digest(sk.score(model, ROWS)),
        "let_through": [fault for fault, _ in wrong_frames(ROWS)],
        **changes,
    }


def fitted(function: Any = train) -> Any:
    """Fit a model."""
    return sk.fit(function, ROWS, LABELS, seed=1, params={})


def test_good_model(tmp_path: Path) -> None:
    """It loads, predicts the same bits, and refuses what the signature let through."""
    found = serving_probe.serve_once(tmp_path, asked(tmp_path, fitted()))
    assert found["error"] is None
    assert [found[name] for name in ("loads", "predicts", "probe_identical", "refuses")] == [True] * 4
    assert serving_probe.ENOUGH_TIMED <= len(found["latency_ms"]) <= serving_probe.TIMED
    assert found["peak_memory_mib"] > 10


def test_model_that_takes_anything(tmp_path: Path) -> None:
    """What neither the signature nor the model refuses is not refused; where the signature does, the model need not."""
    model = Lenient().fit(ROWS, LABELS)
    assert serving_probe.serve_once(tmp_path, asked(tmp_path, model))["refuses"] is False
    assert serving_probe.serve_once(tmp_path, asked(tmp_path, model, let_through=[]))["refuses"] is True


@pytest.mark.parametrize(
    ("changes", "loads", "words"),
    [
        ({"sha256": "0" * 64}, False, "EvidenceBroken: model.skops was changed"),
        ({"trusted_types": []}, False, "EvidenceBroken: model.skops holds types"),
        ({"features": ["wind"]}, True, "KeyError"),
        ({"task": "multiclass", "features": ["signal"]}, True, "BadInput: "),
    ],
)
def test_failures_are_answers(tmp_path: Path, changes: dict[str, Any], loads: bool, words: str) -> None:
    """The first error is told; what was not reached is missing."""
    model = fitted() if loads else Lenient().fit(ROWS, LABELS)
    found = serving_probe.serve_once(tmp_path, asked(tmp_path, model, **changes))
    assert (found["loads"], "latency_ms" in found, "predicts" in found) == (loads, False, False)
    assert found["error"].startswith(words)


def test_other_predictions_are_seen(tmp_path: Path) -> None:
    """A single bit in a single row is another digest."""
    scores = sk.score(fitted(), ROWS)
    scores[-1] = np.nextafter(scores[-1], 1)
    request = asked(tmp_path, fitted(), prediction_digest=sk.prediction_digest(scores))
    assert serving_probe.serve_once(tmp_path, request)["probe_identical"] is False


def test_limits_bind(tmp_path: Path) -> None:
    """In a process with a limit on memory an array beyond it is not to be had."""
    code = (
        "from airflow_provider_mlops.backends.serving_probe import limit_resources\n"
        "limit_resources(memory_mib=100, seconds=60)\n"
        "try:\n    bytearray(200 << 20)\nexcept MemoryError:\n    print('bound')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "bound\n"


def test_answer_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program reads its request and writes its answer beside it."""
    limits: list[dict[str, int]] = []
    monkeypatch.setattr(serving_probe, "limit_resources", lambda **kwargs: limits.append(kwargs))
    request = asked(tmp_path, fitted(), memory_mib=512, seconds=9)
    (tmp_path / serving_probe.REQUEST).write_text(json.dumps(request))
    serving_probe.main(tmp_path)
    assert json.loads((tmp_path / serving_probe.ANSWER).read_text())["probe_identical"] is True
    assert limits == [{"memory_mib": 512, "seconds": 9}]
