"""A ledger's records on S3: a conditional put makes appending compare-and-set there too."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow_provider_mlops.core.errors import BadInput, MLOpsError, TransientError

_TRIES = 5
_PAUSE_S = 0.2
_READERS = 8  # what boto3 keeps open at once is ten
_MISSING = frozenset({"NoSuchKey", "404"})
_LATER = frozenset({"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted"})
_PROBE = ".conditional-put"


class S3Store:
    """Objects below a prefix of a bucket.

    A put whose answer was lost may have worked: then the object is read and compared, so that no record is written
    twice and none is given up for lost.

    :param client: a boto3 client of S3.
    :param bucket: name of the bucket.
    :param prefix: where in the bucket; may be empty.
    :param root: the address, for people.
    :param put_options: further arguments of each put, such as ``ServerSideEncryption`` and ``SSEKMSKeyId``.
    """

    def __init__(
        self, client: Any, bucket: str, prefix: str, *, root: str, put_options: Mapping[str, str] | None = None
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._put_options = dict(put_options or {})
        self.root = root

    def prepare(self, folder: str) -> None:
        """Make sure that a taken name is refused here: a store that ignores the condition would lose records.

        The object that this is tried on stays, since a ledger's bucket may forbid to delete.
        """
        self.create(_PROBE, b"A name that is taken must be refused.\n")
        try:
            self._put(_PROBE, b"It was not refused.\n")
        except self._errors() as err:
            if _status(err) == 412:
                return
            raise self._translated(err, _PROBE) from err
        raise BadInput(
            f"The store at {self.root} does not refuse a put under a name that is taken (If-None-Match), so that "
            "records could be lost there: keep the ledger on one that does, or in a folder."
        )

    def tidy(self, folder: str) -> None:
        """Do nothing: an object is there whole, or not at all."""

    def create(self, name: str, data: bytes) -> bool:
        """Create an object, unless its name is taken."""
        for left in reversed(range(_TRIES)):
            try:
                self._put(name, data)
            except self._errors() as err:
                if _status(err) == 409 and left:  # someone else is at the same name just now
                    time.sleep(_PAUSE_S)
                    continue
                problem = self._translated(err, name)
                if isinstance(problem, BadInput):
                    raise problem from err
                # Also when the name is taken: an earlier try of this very put may have taken it.
                found = self._found(name)
                if found is None:
                    raise problem from err
                return found == data
            else:
                return True
        raise AssertionError  # pragma: no cover - the last try returns or raises

    def read(self, name: str) -> bytes | None:
        """Read an object."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
            content: bytes = answer["Body"].read()
        except self._errors() as err:
            if _code(err) in _MISSING:
                return None
            raise self._translated(err, name) from err
        return content

    def read_all(self, names: Iterable[str]) -> Iterator[bytes | None]:
        """Read objects, several at once: each takes as long as the way there and back."""
        wanted = list(names)
        if len(wanted) < 2:
            yield from map(self.read, wanted)
            return
        with ThreadPoolExecutor(_READERS) as pool:
            yield from pool.map(self.read, wanted)

    def names(self, folder: str) -> list[str]:
        """List a folder, however many pages it has."""
        prefix = f"{self._prefix}{folder}/" if folder else self._prefix
        found: list[str] = []
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix, Delimiter="/"
            ):
                found += [item["Key"] for item in page.get("Contents", ())]
                found += [item["Prefix"] for item in page.get("CommonPrefixes", ())]
        except self._errors() as err:
            raise self._translated(err, f"{folder}/") from err
        below = (key.removeprefix(prefix) for key in found)
        return sorted(name for name in below if name and not name.startswith("."))

    def walk(self) -> Iterator[tuple[str, list[str]]]:
        """List every folder."""
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            names = self.names(folder)
            waiting += [f"{folder}/{name[:-1]}".lstrip("/") for name in names if name.endswith("/") and name != "/"]
            if folder:
                yield folder, names

    def _put(self, name: str, data: bytes) -> None:
        self._client.put_object(
            Bucket=self._bucket,
            Key=self._prefix + name,
            Body=data,
            IfNoneMatch="*",
            ContentType="application/json",
            **self._put_options,
        )

    def _found(self, name: str) -> bytes | None:
        try:
            return self.read(name)
        except TransientError:
            return None

    def _errors(self) -> tuple[type[Exception], ...]:
        from botocore.exceptions import BotoCoreError, ClientError

        return BotoCoreError, ClientError

    def _translated(self, err: Exception, name: str) -> MLOpsError:
        """Say what is wrong; only the code and the text of S3 are shown, never a header or a key."""
        place, code, status = f"{self.root}/{name}", _code(err), _status(err)
        if status is None:  # no answer at all
            from botocore.exceptions import NoCredentialsError, ParamValidationError, PartialCredentialsError

            text = str(err)[:200]
            if isinstance(err, NoCredentialsError | PartialCredentialsError | ParamValidationError):
                return BadInput(f"The ledger cannot use {place}: {text} Check the AWS connection.")
            return TransientError(f"The ledger cannot reach {place}: {text}")
        if status in (409, 412) or status >= 500 or status == 429 or code in _LATER:
            if code == "NotImplemented":
                return BadInput(f"The store at {self.root} knows no conditional put; the ledger needs one.")
            return TransientError(f"S3 answers {code} ({status}) for {place}; it may work later.")
        text = str(getattr(err, "response", {}).get("Error", {}).get("Message", ""))[:200]
        return BadInput(f"S3 refuses {place}: {code}: {text} Check the bucket and the rights of the AWS connection.")


def _status(err: Exception) -> int | None:
    """Return the HTTP status of an answer; None when there was none."""
    found = getattr(err, "response", None)
    status = found.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(found, dict) else None
    return int(status) if status else None


def _code(err: Exception) -> str:
    found = getattr(err, "response", None)
    return str(found.get("Error", {}).get("Code", "")) if isinstance(found, dict) else ""
