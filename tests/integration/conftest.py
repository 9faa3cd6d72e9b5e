"""Fixtures of the integration tests: an S3 on loopback HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.s3 import BUCKET, KEYS, OneAtATime, aws_connection, s3_server


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[str, OneAtATime]]:
    """An S3 on loopback HTTP: its address, and the application for looking in."""
    with s3_server() as found:
        yield found


@pytest.fixture
def bucket(s3: tuple[str, OneAtATime], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket and the connection `minio` to it."""
    import boto3

    monkeypatch.setenv("AIRFLOW_CONN_MINIO", aws_connection(s3[0]))
    found = boto3.resource("s3", endpoint_url=s3[0], **KEYS).Bucket(BUCKET)
    found.create()
    yield found
    found.objects.all().delete()
    found.delete()
