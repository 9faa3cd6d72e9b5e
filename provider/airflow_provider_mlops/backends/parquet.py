"""Snapshots as Parquet: what others write and read them with."""

from airflow_provider_mlops.backends.parquet_copy import write_snapshot_files
from airflow_provider_mlops.backends.parquet_reader import (
    SnapshotReader,
    iter_snapshot,
    read_snapshot,
    verify_snapshot,
)
from airflow_provider_mlops.backends.parquet_writer import write_snapshot
from airflow_provider_mlops.backends.snapshot_files import file_facts, part_name, read_manifest, verify_files
from airflow_provider_mlops.backends.snapshot_window import write_window
from airflow_provider_mlops.core.snapshot_manifest import MANIFEST

DATA_FILE = part_name(0)

__all__ = [
    "DATA_FILE",
    "MANIFEST",
    "SnapshotReader",
    "file_facts",
    "iter_snapshot",
    "read_manifest",
    "read_snapshot",
    "verify_files",
    "verify_snapshot",
    "write_snapshot",
    "write_snapshot_files",
    "write_window",
]
