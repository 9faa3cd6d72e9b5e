"""What is not as it was recorded, before anything is trained again: rows, code, environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.base import chain_of
from airflow_provider_mlops.core.certificate import Cause, Difference
from airflow_provider_mlops.core.determinism import measured_difference
from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.evidence import registration_by_manifest
from airflow_provider_mlops.core.replay import code_differences, environment_differences
from airflow_provider_mlops.hooks.change import other_files_since
from airflow_provider_mlops.hooks.data_files import known_file_differences
from airflow_provider_mlops.hooks.gone import erasures_since, prunings_since, test_erasures_since

if TYPE_CHECKING:
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.recorded_code import ReplayedCode
    from airflow_provider_mlops.hooks.storage import Storage
    from airflow_provider_mlops.hooks.training import Training


def known_differences(
    storage: Storage,
    training: Record,
    code: ReplayedCode | None,
    records: Sequence[Record],
    *,
    bases_too: bool = False,
) -> list[Difference]:
    """List what differs from the record of a training: erased rows, changed modules, another environment.

    :param storage: it knows the ledger that says what was erased.
    :param training: the record.
    :param code: the code that is replayed; None where it cannot be had: then neither it nor its environment is
        compared.
    :param records: records of the model's ledger, which hold the bases of the training.
    :param bases_too: whether the bases are trained again: then rows erased from them are a cause like any others. Of a
        base that is fetched by its hash they explain nothing, and are named all the same.
    :return: the differences, causes first.
    """
    manifest = training.body["manifest"]
    erased = [
        Difference(Cause.DATA_ERASED, f"differs by {item.rows:,} lawfully erased {what} (record {item.record})")
        for what, items in (
            ("rows", erasures_since(storage, manifest)),
            ("test rows", test_erasures_since(storage, manifest)),
        )
        for item in items
    ]
    pruned = [Difference(Cause.DATA_PRUNED, item.why()) for item in prunings_since(storage, manifest)]
    return [
        *erased,
        *pruned,
        *base_erasures(storage, records, manifest, Cause.DATA_ERASED if bases_too else Cause.BASE_ERASED),
        *(_of_code(training, code) if code is not None else ()),
    ]


def explanation(
    training: Record,
    trained: Training,
    again: Callable[[], Training],
    known: Sequence[Difference],
    *,
    committed: bool,
) -> list[Difference]:
    """Explain why a replay gave another model; where nothing else does, does the training repeat itself at all?

    :param training: the record.
    :param trained: what the replay gave.
    :param again: trains once more.
    :param known: what is not as recorded: each is an explanation.
    :param committed: whether the code is that of the recorded commit, not that of the checkout.
    :return: what to add to it; empty where it says enough.
    """
    if (measured := measured_difference(training.body)) is not None:
        return [Difference(Cause.NONDETERMINISM, measured)]
    if known:
        return []
    if not committed and (detail := other_files_since(training)) is not None:
        return [Difference(Cause.CODE, detail)]
    if again().prediction_digest != trained.prediction_digest:
        detail = "two trainings in one process, on the same rows, gave different predictions"
        return [Difference(Cause.NONDETERMINISM, detail)]
    detail = "data, code and environment are the recorded ones, and the training repeats itself"
    return [Difference(Cause.UNKNOWN, detail)]


def _of_code(training: Record, code: ReplayedCode) -> list[Difference]:
    """Compare the code that is replayed, and the environment that it runs in."""
    from airflow_provider_mlops.backends.interpreter import MissingInterpreter
    from airflow_provider_mlops.hooks.train_function import environment_before

    recorded = training.body["environment"]
    try:
        environment = environment_differences(recorded, environment_before(code.function, recorded))
    except MissingInterpreter as err:
        environment = [str(err)]
    return [
        *known_file_differences(training.body, code.root),
        *(Difference(Cause.CODE, one) for one in code_differences(training.body["manifest"]["code_files"], code.files)),
        *(Difference(Cause.ENVIRONMENT, one) for one in environment),
    ]


def base_erasures(
    storage: Storage, records: Sequence[Record], manifest: Mapping[str, Any], cause: Cause
) -> list[Difference]:
    """List what was erased from the rows that the bases of a training have learned.

    :param storage: it knows the ledger that says what was erased.
    :param records: records of the model's ledger.
    :param manifest: of the training.
    :param cause: the cause to name.
    :return: one difference per rewriting of a snapshot; none where the chain is not on record.
    """
    found = []
    for base in known_chain(records, manifest):
        version = _version(records, base)
        found += [
            Difference(cause, f"{item.rows:,} rows that {version} has learned were erased (record {item.record})")
            for item in erasures_since(storage, base.body["manifest"])
        ]
    return found


def known_chain(records: Sequence[Record], manifest: Mapping[str, Any]) -> list[Record]:
    """Return the bases of a training, none where one is not on record: whoever opens it says so.

    :param records: records of the model's ledger.
    :param manifest: of the training.
    """
    try:
        return chain_of(records, manifest)
    except EvidenceBroken:
        return []


def _version(records: Sequence[Record], base: Record) -> str:
    made = registration_by_manifest(records, base.body["manifest_hash"])
    return f"the base, version {made.body['version']}," if made else f"the base {base.body['manifest_hash']}"
