"""Ledgers by name, one chain per dataset and one per model; where they lie and who signs says an Airflow connection."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_provider_mlops import config
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.chains import chains, no_records
from airflow_provider_mlops.core.cited_kinds import MODEL
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.store import LocalStore, Store
from airflow_provider_mlops.core.trust import Keys

if TYPE_CHECKING:
    from airflow.sdk import Connection

# What file systems, MLflow and its query language take without quoting.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")
_S3 = "s3://"
_AWS_DEFAULT = "aws_default"
_MOST_OPENED = 4
"""Ledgers that are kept: the model's, its dataset's, that of a reference; what walks through all keeps few of them."""


@dataclass(slots=True)
class _Opened:
    """The ledgers that a task has opened.

    :param by_index: whether those that it opens are read by their index.
    :param ledgers: by connection, root and chain, the newest last.
    """

    by_index: bool = False
    ledgers: dict[tuple[str | None, str, str], Ledger] = field(default_factory=dict)


_OPENED: ContextVar[_Opened | None] = ContextVar("_OPENED", default=None)
_CONNECTIONS: ContextVar[dict[str | None, Connection | None] | None] = ContextVar("_CONNECTIONS", default=None)


class LedgerHook(BaseHook):
    """Open ledgers where a connection says, with its signing key.

    The connection's host, or the extra ``root``, is the folder or the S3 address of the ledgers. The password is the
    signing key: Ed25519, PEM; or the extra ``signing_key_file`` names a file that holds it. Other extras:
    ``public_keys`` (further trusted keys, PEM), ``aws_conn_id``, ``sse`` and ``sse_kms_key_id`` (encryption on S3).

    :param ledger_conn_id: id of the Airflow connection. Default: the option ``[mlops] ledger_conn_id``; without it
        ``mlops_ledger_default``, which need not exist: then the option ``ledger_root`` counts and nothing is signed.
    """

    conn_name_attr = "ledger_conn_id"
    default_conn_name = "mlops_ledger_default"
    conn_type = "mlops_ledger"
    hook_name = "MLOps ledger"

    def __init__(self, ledger_conn_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id

    @cached_property
    def connection(self) -> Connection | None:
        """The Airflow connection, read once; None when there is none and none was asked for."""
        known = _CONNECTIONS.get()
        if known is None:
            return self._read_connection()
        if self.ledger_conn_id not in known:
            known[self.ledger_conn_id] = self._read_connection()
        return known[self.ledger_conn_id]

    def _read_connection(self) -> Connection | None:
        wanted = self.ledger_conn_id or config.ledger_conn_id()
        try:
            return self.get_connection(wanted or self.default_conn_name)
        except AirflowNotFoundException:
            if wanted:
                raise
            return None

    def root(self, root: str | None = None) -> str:
        """Return where the ledgers lie.

        :param root: a folder or an address that wins, such as an operator's ``ledger_root``.
        :return: the folder or address.
        :raises BadInput: when what the connection or the option says is no place for a ledger.
        """
        if root:
            return root
        if self.connection is not None and (found := self.connection.host or self._extra("root")):
            return config.ledger_place(found, f"The root of connection {self.connection.conn_id!r}")
        return config.ledger_root()

    def store(self, root: str | None = None) -> Store:
        """Open the store of all ledgers.

        :param root: a folder or an address that wins.
        :return: the store.
        :raises BadInput: when the root is no place for a ledger.
        """
        place = self.root(root).removeprefix("file://")
        if "://" not in place:
            return LocalStore(Path(place))
        connection, bucket, prefix = _s3_parts(place)
        from airflow_provider_mlops.backends.s3_store import S3Store

        hook = load("airflow.providers.amazon.aws.hooks.s3", "aws").S3Hook(
            aws_conn_id=connection or self._extra("aws_conn_id") or _AWS_DEFAULT
        )
        named = {"ServerSideEncryption": self._extra("sse"), "SSEKMSKeyId": self._extra("sse_kms_key_id")}
        options = {name: value for name, value in named.items() if value}
        return S3Store(hook.get_conn(), bucket, prefix, root=place.rstrip("/"), put_options=options)

    @cached_property
    def keys(self) -> Keys:
        """The key that signs and the keys that are trusted; the private one shows itself nowhere.

        :raises BadInput: when a key cannot be read.
        :raises MissingBackend: when keys are given and the library that reads them is not installed.
        """
        public = self._extra("public_keys")
        private, where = self._signing_key()
        if not private and not public:
            return Keys()
        from airflow_provider_mlops.backends.ed25519 import read_public_key, read_public_keys, read_signing_key

        trusted = read_public_keys(public, f"public_keys of {self._name}")
        signer = read_signing_key(private, where) if private else None
        if signer is not None:
            trusted[signer.public.id] = signer.public
        return Keys(signer, trusted, read_public_key)

    def ledger(self, chain: str, root: str | None = None) -> Ledger:
        """Open one chain.

        :param chain: its name, e.g. ``model/flight_delays``.
        :param root: a folder or an address that wins.
        :return: the ledger.
        :raises BadInput: when the root is no place for a ledger, or the name is not one of a chain.
        """
        opened, name = _OPENED.get(), (self.ledger_conn_id, self.root(root), chain)
        if opened is None:
            return Ledger(self.store(root), chain, self.keys)
        kept = opened.ledgers
        found = kept.pop(name, None) or Ledger(self.store(root), chain, self.keys, by_index=opened.by_index)
        kept[name] = found  # the newest last
        if len(kept) > _MOST_OPENED:
            del kept[next(iter(kept))]
        return found

    def test_connection(self) -> tuple[bool, str]:
        """List the chains, read the keys, and on S3 try that a taken name is refused.

        :return: whether it worked, and one sentence for the form.
        """
        try:
            store, keys = self.store(), self.keys
            if store.root.startswith(_S3):
                store.prepare("")
            count = len(chains(store))
        except Exception as err:  # noqa: BLE001 - the form shows whatever went wrong
            return False, str(err)
        signed = f"records are signed by key {keys.signer.public.id}" if keys.signer else "records are not signed"
        return True, f"{store.root} holds {count} chains; {signed}; {len(keys.trusted)} keys are trusted."

    @property
    def _name(self) -> str:
        return f"connection {self.connection.conn_id!r}" if self.connection else "no connection"

    def _extra(self, name: str) -> str:
        found = self.connection.extra_dejson.get(name) if self.connection is not None else None
        if isinstance(found, list) and all(isinstance(item, str) for item in found):
            return "\n".join(found)
        if found is not None and not isinstance(found, str):
            raise BadInput(f"The extra {name!r} of {self._name} must be text.")
        return (found or "").strip()

    def _signing_key(self) -> tuple[str, str]:
        file = self._extra("signing_key_file")
        password = (self.connection.password or "").strip() if self.connection is not None else ""
        if file and password:
            raise BadInput(f"The signing key stands twice in {self._name}: as password and as signing_key_file.")
        if not file:
            return password, f"The password of {self._name}"
        try:
            return Path(file).read_text(encoding="ascii"), f"The signing_key_file {file!r} of {self._name}"
        except (OSError, UnicodeDecodeError) as err:
            why = getattr(err, "strerror", None) or "it is no text"
            raise BadInput(f"The signing_key_file {file!r} of {self._name} cannot be read: {why}.") from None


@contextmanager
def ledgers_read_once(*, by_index: bool = False) -> Iterator[None]:
    """Keep the ledgers that are opened, so that a task that opens one again reads only what was written since.

    Their connection is asked for once, too. A long history is thousands of records; the steps of a task, its report
    and its gauges each ask for them.

    :param by_index: whether their old records are taken from an index: for what watches, see `core.ledger_index`. What
        decides on a version, moves an alias, removes rows or audits reads every record.
    :return: context manager; what other threads open is not kept.
    """
    opened, connections = _OPENED.set(_Opened(by_index)), _CONNECTIONS.set({})
    try:
        yield
    finally:
        _OPENED.reset(opened)
        _CONNECTIONS.reset(connections)


def read_by_index() -> None:
    """Let the ledgers that this task opens from now on be read by their index, as `ledgers_read_once` says."""
    if (opened := _OPENED.get()) is not None:
        opened.by_index = True


def dataset_ledger(dataset: str, root: str | None = None) -> Ledger:
    """Open the ledger of a dataset: its snapshots, validations and erasures.

    :param dataset: name of the dataset.
    :param root: folder or S3 address of all ledgers; default: as the ledger's connection or the options say.
    :return: the ledger.
    :raises BadInput: when the root is no place for a ledger, or the name is not a plain name.
    """
    return LedgerHook().ledger(f"dataset/{_plain('Dataset', dataset)}", root)


def known_dataset_ledger(dataset: str, root: str | None = None) -> Ledger:
    """Open the ledger of a dataset that has records.

    :param dataset: name of the dataset.
    :param root: as `dataset_ledger` takes it.
    :return: the ledger.
    :raises BadInput: as `dataset_ledger` does, or naming the datasets that there are, when it has no record.
    """
    return _known(dataset_ledger(dataset, root))


def model_ledger(model: str, root: str | None = None) -> Ledger:
    """Open the ledger of a model: every decision on its versions.

    :param model: name of the registered model.
    :param root: folder or S3 address of all ledgers; default: as the ledger's connection or the options say.
    :return: the ledger.
    :raises BadInput: when the root is no place for a ledger, or the name is not a plain name.
    """
    return LedgerHook().ledger(f"{MODEL}{_plain('Model', model)}", root)


def known_model_ledger(model: str, root: str | None = None) -> Ledger:
    """Open the ledger of a model that has records: who watches a misspelt one would see no drift for ever.

    :param model: name of the registered model.
    :param root: as `model_ledger` takes it.
    :return: the ledger.
    :raises BadInput: as `model_ledger` does, or naming the models that there are, when it has no record.
    """
    return _known(model_ledger(model, root))


def _known(ledger: Ledger) -> Ledger:
    if (unknown := no_records(ledger)) is not None:
        raise BadInput(unknown)
    return ledger


def _s3_parts(address: str) -> tuple[str, str, str]:
    """Split ``s3://connection@bucket/prefix``."""
    if not address.startswith(_S3):
        raise BadInput(f"A ledger lies in a local folder or on S3, not at {address!r}.")
    place, _, prefix = address.removeprefix(_S3).partition("/")
    connection, _, bucket = place.rpartition("@")
    if not bucket or "//" in prefix:
        raise BadInput(f"{address!r} is no address on S3 such as s3://aws_default@my-bucket/ledger.")
    return connection, bucket, prefix.strip("/")


def _plain(what: str, name: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        shown = repr(name if len(str(name)) <= 80 else f"{str(name)[:80]}...")
        raise BadInput(f"{what} name {shown} must be of 1 to 100 letters, digits, '_' and '-', not starting with '-'.")
    return name
