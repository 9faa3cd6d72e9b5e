"""Taking a champion that was trained elsewhere into the ledger, as it stands in the registry."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.alias_moves import ADOPTION, CHAMPION, deciding_move, record_move
from airflow_provider_mlops.core.canonical import sha256_bytes, sha256_of
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.evidence import registration_by_version
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.manifest import BINARY, TASKS, manifest_hash
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks.adopted_model import SKOPS, format_of, load_adopted
from airflow_provider_mlops.hooks.alias_moves import carry_out, standing
from airflow_provider_mlops.hooks.artifact_check import ARCHIVE, download_model
from airflow_provider_mlops.hooks.mlflow import MlflowHook

PROBE_ROWS = 1_000
_UNKNOWN = (
    "the rows it was trained on, and whether they were validated",
    "the code, the parameters and the seed of its training",
    "what it was compared with before it became champion, and who approved it",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What whoever adopts a model says of it; nobody can check it.

    :param label: label column of the rows that it will be compared on.
    :param features: feature columns, in order; empty: those of its signature.
    :param row_id: column that names a row.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :param classes: of a multiclass model, the classes in the order of its scores.
    :param trusted_types: types beyond skops' own list that its archive may hold.
    :param allow_pickle: whether code in the model may be run to load it.
    """

    label: str
    features: tuple[str, ...] = ()
    row_id: str = "row_id"
    task: str = BINARY
    classes: tuple[Any, ...] = ()
    trusted_types: tuple[str, ...] = ()
    allow_pickle: bool = False


def adopt_version(
    hook: MlflowHook,
    ledger: Ledger,
    model: str,
    version: str,
    claims: Claims,
    *,
    run: RunFacts,
    reason: str,
    by: str,
    rows: Path | None = None,
    alias: str = CHAMPION,
    replace: bool = False,
    log: Any,
) -> Record:
    """Record a version that holds an alias and that the ledger does not know; nothing is moved.

    :param hook: the MLflow connection.
    :param ledger: the model's ledger.
    :param model: name of the registered model.
    :param version: the version; it must hold the alias.
    :param claims: what is said of it.
    :param run: who adopts.
    :param reason: why.
    :param by: name of who adopts.
    :param rows: Parquet file with feature rows to predict, of which the first 1,000 count; None to predict nothing.
    :param alias: the alias that it holds.
    :param replace: whether it is taken in although the ledger has put the alias on another version: no gate has judged
        it, and nobody has approved it.
    :param log: where progress is told.
    :return: the adoption record; the one that is there when the version was adopted before.
    :raises Refused: when the version does not hold the alias, is in the ledger already, or must not be loaded.
    :raises BadInput: when a claim does not fit the model.
    """
    now = standing(hook, ledger, model, alias)
    if now.current != version:
        raise Refused(
            f"Alias {alias!r} of model {model!r} is on {now.current or 'no version'}, not on version {version}: only "
            "what is in use can be adopted. Set the alias first, or name the version that holds it."
        )
    if (known := _known(ledger, model, version)) is not None:
        if known.kind == ADOPTION:
            return known
        raise Refused(f"Version {version} of model {model!r} is in the ledger already: promote it, or roll back to it.")
    decided = deciding_move(ledger.records(), alias)
    holder = decided.body["version"] if decided else None
    if holder is not None and not replace:
        raise Refused(
            f"The ledger has put alias {alias!r} on version {holder}, and no gate has judged version {version}: put "
            "the alias back with ReconcileRegistryOperator, or say --replace-champion to take it in nevertheless."
        )
    with tempfile.TemporaryDirectory(prefix="mlops-adopt-") as folder:
        body = _describe(hook, model, version, claims, Path(folder), rows, log)
    body |= {
        "partition_key": None,
        "alias": alias,
        "version": version,
        "previous_version": now.before.body["version"] if now.before else None,
        "alias_was": version,
        **({"replaces": decided.hash} if decided and holder is not None else {}),
        "reason": reason,
        "adopted_by": by,
    }
    record = record_move(ledger, ADOPTION, before=now.before, body=body, run=run)
    if record.kind != ADOPTION or record.body["version"] != version:
        raise Refused(f"A {record.kind} of version {record.body['version']} came first; look at it, then adopt again.")
    carry_out(hook, ledger, model, record, log)
    return record


def _known(ledger: Ledger, model: str, version: str) -> Record | None:
    try:
        return registration_by_version(ledger.records(), model, version)
    except Refused:
        return None


def _describe(
    hook: MlflowHook, model: str, version: str, claims: Claims, folder: Path, rows: Path | None, log: Any
) -> dict[str, Any]:
    """Find out all that the registry's bytes say, without loading them but for the predictions."""
    from airflow_provider_mlops.backends import mlflow_registry as registry
    from airflow_provider_mlops.backends.artifact_scan import scan_model
    from airflow_provider_mlops.backends.signature import signature_of
    from airflow_provider_mlops.backends.skops_digest import canonical_digest

    with hook.session() as client:
        origin = registry.origin_of(client, model, version)
    place = download_model(hook, str(origin["logged_model_id"]), folder)
    found = scan_model(place)
    kind = format_of(found)
    _check_types(found, claims)
    files = [{name: item[name] for name in ("path", "size", "sha256")} for item in found["files"]]
    signature = signature_of(place / "MLmodel")
    manifest = _manifest(model, claims, signature)
    body: dict[str, Any] = {
        "manifest": manifest,
        "manifest_hash": manifest_hash({**manifest, "files": files}),
        **origin,
        "format": kind,
        "files": files,
        "signature": signature,
        "task": manifest["task"],
        "classes": list(claims.classes) or None,
        "operating_threshold": None,
        "allow_pickle": claims.allow_pickle,
        "model_digest": sha256_of(files),
    }
    if kind == SKOPS:
        archive = next(item for item in files if item["path"] == ARCHIVE)
        body |= {"archive_sha256": archive["sha256"], "model_digest": canonical_digest(place / ARCHIVE)}
    predicted = _predict(place, body, rows, log)
    unknown = [*_UNKNOWN, *(["its signature"] if signature is None else [])]
    if predicted["prediction_digest"] is None:
        unknown.append("what it predicts: it was not loaded")
    return {**body, **predicted, "unknown": unknown}


def _check_types(found: Mapping[str, Any], claims: Claims) -> None:
    if strange := sorted(set(found["untrusted_types"]) - set(claims.trusted_types)):
        raise Refused(
            f"The model holds types that skops does not trust: {', '.join(strange[:10])}. Read what they do, then name "
            "each with --trusted-type."
        )


def _manifest(model: str, claims: Claims, signature: Mapping[str, Any] | None) -> dict[str, Any]:
    inputs = [str(name) for name in (signature or {}).get("inputs", ())]
    features = list(claims.features) or inputs
    if not features:
        raise BadInput("The model has no signature with named inputs: name its features with --features.")
    if inputs and sorted(inputs) != sorted(features):
        raise BadInput(f"The features {features[:10]} are not the inputs of the model's signature: {inputs[:10]}.")
    if claims.label in features or claims.row_id in features:
        raise BadInput(f"The features must hold neither the label {claims.label!r} nor the row id {claims.row_id!r}.")
    return {
        "schema": 1,
        "adopted": True,
        "model_name": model,
        "dataset": None,
        "train": {"snapshots": [], "until": None},
        "test": None,
        "features": features,
        "label": claims.label,
        "row_id": claims.row_id,
        "time_column": None,
        "trusted_types": sorted(claims.trusted_types),
        "task": reading.one_of(*TASKS)(claims.task, "task"),
    }


def _predict(place: Path, body: Mapping[str, Any], rows: Path | None, log: Any) -> dict[str, Any]:
    """Let the model predict the given rows, if it may be loaded."""
    from airflow_provider_mlops.backends import scikit_learn as sk
    from airflow_provider_mlops.backends.optional import load

    nothing = {"prediction_digest": None, "probe": None}
    if rows is None:
        return nothing
    if body["format"] != SKOPS and not body["allow_pickle"]:
        log.warning("The model is no skops archive and was not loaded; --allow-pickle runs the code that it holds.")
        return nothing
    try:
        frame = load("pandas", "parquet").read_parquet(rows)
    except (OSError, ValueError) as err:
        raise BadInput(f"The rows {str(rows)!r} cannot be read as Parquet: {str(err)[:200]}") from err
    features: Sequence[str] = body["manifest"]["features"]
    if missing := [name for name in features if name not in frame.columns]:
        raise BadInput(f"The rows {str(rows)!r} have no column {missing[0]!r}.")
    probe = frame[list(features)].head(PROBE_ROWS)
    scores = sk.score(load_adopted(place, body), probe, body["task"])
    log.info("The model predicted %d rows.", len(probe))
    return {
        "prediction_digest": sk.prediction_digest(scores),
        "probe": {"rows": len(probe), "sha256": sha256_bytes(rows.read_bytes())},
    }
