"""The work that the figures of drift measure, each in a process of its own."""

import sys
from pathlib import Path

POLICY = {"schema": 1, "name": "wide"}


def ours(reference: Path, current: Path) -> None:
    """Compare 30 numeric and 10 text columns exactly, from Parquet to the verdict."""
    from airflow_provider_mlops.backends.parquet_column import ParquetColumns, Part
    from airflow_provider_mlops.backends.parquet_pairs import ParquetPairs
    from airflow_provider_mlops.core.drift_policy import DriftPolicy
    from airflow_provider_mlops.statistics.drift import detect_drift

    was, now = ParquetColumns([Part(reference)]), ParquetColumns([Part(current)])
    verdict = detect_drift(ParquetPairs(was, now, was.names), DriftPolicy.from_mapping(POLICY))
    assert len({rule.numbers.get("feature") for rule in verdict.rules}) == len(was.names)


def alibi(reference: Path, current: Path) -> None:
    """Let alibi-detect's TabularDrift do it: the frames, texts as codes, nulls out (it cannot have any)."""
    import numpy as np
    import pandas as pd
    from alibi_detect.cd import TabularDrift

    was, now = pd.read_parquet(reference), pd.read_parquet(current)
    categories = {}
    for place, name in enumerate(was.columns):
        if was[name].dtype == object:
            codes = pd.factorize(pd.concat([was[name], now[name]]))[0]
            was[name], now[name] = codes[: len(was)], codes[len(was) :]
            categories[place] = list(range(int(codes.max()) + 1))
    was, now = (frame.fillna(0.0).to_numpy(np.float32) for frame in (was, now))
    found = TabularDrift(was, p_val=0.05, categories_per_feature=categories).predict(now, drift_type="feature")
    assert len(found["data"]["p_val"]) == now.shape[1]


def evidently(reference: Path, current: Path) -> None:
    """Let evidently's DataDriftPreset do it."""
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset

    report = Report([DataDriftPreset(num_method="ks", cat_method="chisquare")])
    assert report.run(pd.read_parquet(current), pd.read_parquet(reference)).dict()["metrics"]


def scan(*files: Path) -> None:
    """Let DuckDB look at each value of all columns: their sums, and the longest of texts."""
    import duckdb
    import pyarrow.parquet as pq

    for file in files:
        names = pq.read_schema(file).names
        listed = ", ".join(f"sum({name})" if name.startswith("n") else f"max(strlen({name}))" for name in names)
        duckdb.connect(config={"threads": "2"}).execute(f"SELECT {listed} FROM read_parquet(?)", [str(file)]).fetchall()


def freeze(reference: Path, target: Path) -> None:
    """Freeze the reference's specification and keep it with its profile: not measured, once per champion."""
    import json

    from airflow_provider_mlops.backends.parquet_column import ParquetColumns, Part
    from airflow_provider_mlops.backends.parquet_profile import profile_files
    from airflow_provider_mlops.statistics import profile_spec

    columns = ParquetColumns([Part(reference)])
    spec = profile_spec.freeze((name, found) for name in columns.names if (found := columns.summary(name)) is not None)
    target.write_text(json.dumps([spec.to_dict(), profile_files(columns, spec).to_dict()]))


def profile(frozen: Path, current: Path) -> None:
    """Profile the current rows and compare the profile with that of the reference, to the verdict."""
    import json

    from airflow_provider_mlops.backends.parquet_column import ParquetColumns, Part
    from airflow_provider_mlops.backends.parquet_profile import profile_files
    from airflow_provider_mlops.core.drift_policy import DriftPolicy
    from airflow_provider_mlops.statistics.drift import detect_drift
    from airflow_provider_mlops.statistics.profile import Profile
    from airflow_provider_mlops.statistics.profile_findings import profile_pairs
    from airflow_provider_mlops.statistics.profile_spec import ProfileSpec

    content = json.loads(frozen.read_text())
    spec, reference = ProfileSpec.from_dict(content[0]), Profile.from_dict(content[1])
    found = profile_files(ParquetColumns([Part(current)]), spec)
    detect_drift(profile_pairs(reference, found, spec), DriftPolicy.from_mapping(POLICY))


if __name__ == "__main__":
    globals()[sys.argv[1]](*map(Path, sys.argv[2:]))
