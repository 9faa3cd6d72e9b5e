"""A policy with every kind of rule, so that every attack has something to break."""

from pathlib import Path

import pytest

POLICY = """\
schema: 1
name: every_kind
rules:
  - {name: enough, kind: min_rows, rows: 500, positives: 100}
  - {name: looks, kind: max_looks, value: 3}
  - {name: age, kind: data_age, min_days: 20, max_age_days: 10}
  - {name: leak, kind: leakage, max_entity_overlap: 0}
  - {name: serves, kind: infrastructure, p95_latency_ms: 50, peak_memory_mib: 900}
  - {name: files, kind: artifact_scan}
  - {name: accuracy, kind: minimum, metric: accuracy, value: 0.7}
  - {name: brier, kind: maximum, metric: brier, value: 0.2}
  - {name: not_worse, kind: non_inferior, metric: accuracy, margin: 0.01}
  - {name: by_origin, kind: non_inferior, metric: brier, margin: 0.01, slice: origin, values: [EWR, JFK], min_rows: 50}
  - {name: golden, kind: non_inferior, metric: brier, margin: 0.01, against: golden}
  - {name: better, kind: superior, metric: brier}
  - {name: watched, kind: block_if_worse, metric: brier, slice: carrier, min_rows: 50}
  - {name: four_fifths, kind: fairness, metric: demographic_parity_ratio, value: 0.8, group: sex}
  - {name: flips, kind: flip_rate, variant: swapped, value: 0.05}
  - {name: noise, kind: stress, variant: noise, metric: accuracy, margin: 0.02}
"""


@pytest.fixture(scope="session")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the policy."""
    path = tmp_path_factory.mktemp("policy") / "policy.yaml"
    path.write_text(POLICY)
    return path
