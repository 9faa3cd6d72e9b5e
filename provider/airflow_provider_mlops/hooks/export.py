"""All evidence of a model in one ZIP file, with a program that checks it without this project."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_mlops import backends
from airflow_provider_mlops.core.canonical import PREFIX, canonical_json, sha256_bytes
from airflow_provider_mlops.core.chain import record_name
from airflow_provider_mlops.core.citations import citation_problems, citations_in
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, FinalError, TransientError
from airflow_provider_mlops.core.export import cited_datasets, cited_snapshots, hash_name, rules, write_index
from airflow_provider_mlops.core.trust import ROTATION
from airflow_provider_mlops.hooks.checkpoint import compared_checkpoint
from airflow_provider_mlops.hooks.ledger import dataset_ledger, model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.rows import snapshot_path

if TYPE_CHECKING:
    from airflow_provider_mlops.core.ledger import Ledger
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.core.trust import Keys
    from airflow_provider_mlops.hooks.storage import Storage

CARD, CARD_PAGE = "model_card", "model_card.md"
_RUNS = "runs:/"
_VERIFIER = Path(backends.__file__).with_name("audit_verifier.py")
_README = Path(backends.__file__).with_name("audit_readme.md")
# ZIP files cannot hold earlier times; every export of the same evidence has the same bytes.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16


def export_model(
    model: str, storage: Storage, ledger_root: str | None = None, registry: MlflowHook | None = None
) -> bytes:
    """Make the ZIP file of a model's evidence.

    :param model: name of the registered model.
    :param storage: where manifests lie.
    :param ledger_root: folder or address of all ledgers; default: as the ledger's connection or the options say.
    :param registry: the MLflow connection, where the checkpoint and cards lie; default: ``mlflow_default``. Where it
        does not answer the checkpoint is not compared, and the export says so.
    :return: the file's content: the same for the same evidence.
    :raises BadInput: when the model has no record.
    :raises EvidenceBroken: when a chain is broken, or was cut since the registry or another chain named its records, or
        a card is not the recorded one: nothing is handed on then.
    :raises TransientError: when there is a card and MLflow cannot be reached.
    """
    ledger = model_ledger(model, ledger_root)
    records = ledger.records()
    if not records:
        raise BadInput(f"Model {model!r} has no record in {ledger.store.root}; nothing is to be exported.")
    checkpoint = compared_checkpoint(registry or MlflowHook(), ledger)
    datasets = [dataset_ledger(name, ledger_root) for name in cited_datasets(records)]
    chains = {one.chain: one.records() for one in (ledger, *datasets)}
    missing: list[str] = [f"chain {name}: it has no record" for name, found in chains.items() if not found]
    for one in datasets:
        for problem in citation_problems(one.chain, chains[one.chain], citations_in(records)):
            raise EvidenceBroken(problem)
    chains = {name: found for name, found in chains.items() if found}
    files = {"verify.py": _VERIFIER.read_bytes(), "README.md": _README.read_bytes()}
    for one in (ledger, *datasets):
        files |= _record_files(one, chains.get(one.chain, ()))
    every = [record for found in chains.values() for record in found]
    for what, folder in (("policy", "policies"), ("suite", "suites")):
        contents, unknown = rules(every, what)
        files |= {hash_name(folder, digest): canonical_json(content).encode() for digest, content in contents.items()}
        missing += [f"{what} {digest}: the records hold its hash only" for digest in unknown]
    for one in datasets:
        name = one.chain.removeprefix("dataset/")
        for snapshot_id in cited_snapshots(records, chains.get(one.chain, ())):
            _add_manifest(files, missing, storage, name, snapshot_id)
    for record in records:
        if record.kind == CARD:
            _add_card(files, missing, registry or MlflowHook(), record)
    files |= _key_files(every, ledger.keys)
    return _zipped({**files, **write_index(model, files, chains, missing, ledger.keys.signer, checkpoint)})


def _record_files(ledger: Ledger, records: Sequence[Record]) -> Iterator[tuple[str, bytes]]:
    """Yield the records as they lie there: a record that is written anew has no signature any more."""
    names = [f"{ledger.chain}/{record_name(record.seq)}" for record in records]
    for name, raw in zip(names, ledger.store.read_all(names), strict=True):
        yield f"ledger/{name}", raw or b""


def _add_manifest(
    files: dict[str, bytes], missing: list[str], storage: Storage, dataset: str, snapshot_id: str
) -> None:
    try:
        text = storage.marker(snapshot_path(dataset, snapshot_id))
    except EvidenceBroken:
        missing.append(f"manifest of snapshot {snapshot_id} of dataset {dataset}: it is not stored any more")
    else:
        files[f"snapshots/{dataset}/{snapshot_id.removeprefix(PREFIX)}.json"] = text.encode()


def _add_card(files: dict[str, bytes], missing: list[str], registry: MlflowHook, record: Record) -> None:
    """Add the files of a card from the artifacts of its run, after a look at what the record says of them."""
    uri = str(record.body.get("mlflow_uri") or record.body.get("uri", ""))
    why = ""
    try:
        found = _card_files(registry, uri) if uri.startswith(_RUNS) else {}
    except (FinalError, TransientError):
        raise
    except Exception as err:  # noqa: BLE001 - whatever MLflow's client and its store raise for what is not there
        found, why = {}, f" ({type(err).__name__})"
    if not found:
        missing.append(f"model card of record {record.seq}: it is not among the artifacts at {uri}{why}")
    page = found.get(CARD_PAGE)
    if page is not None and sha256_bytes(page) != f"{PREFIX}{record.body.get('page_sha256')}":
        raise EvidenceBroken(f"{uri}/{CARD_PAGE} is not the card that record {record.seq} is about: it was changed.")
    files |= {f"cards/{record.seq:08d}/{name}": data for name, data in found.items()}


def _card_files(registry: MlflowHook, uri: str) -> dict[str, bytes]:
    run_id, _, place = uri.removeprefix(_RUNS).partition("/")
    with tempfile.TemporaryDirectory(prefix="mlops-export-") as folder, registry.session() as client:
        top = Path(client.download_artifacts(run_id, place, folder))
        return {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def _key_files(records: Iterable[Record], keys: Keys) -> dict[str, bytes]:
    """Return the public keys that signed, as far as they are known here or a rotation holds them."""
    found = {key.id: key.pem for key in keys.trusted.values()}
    signers = {keys.signer.public.id} if keys.signer else set()
    for record in records:
        if record.signed_by:
            signers.add(record.signed_by)
        if record.kind == ROTATION:
            found[record.body["new_key_id"]] = record.body["public_key"]
    return {f"keys/{key_id.removeprefix(PREFIX)}.pem": found[key_id].encode() for key_id in signers if key_id in found}


def _zipped(files: Mapping[str, bytes]) -> bytes:
    """Pack without compression: what that makes of the same bytes depends on the library's version."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr = _MODE
            entry.create_system = 3  # as on Unix, wherever it is made
            archive.writestr(entry, files[name])
    return buffer.getvalue()
