"""What a replay looks at before it trains: are the chains, the data and the artifact what the records say?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.hooks.gone import Pruned, snapshot_there_now
from airflow_provider_mlops.hooks.ledger import dataset_ledger
from airflow_provider_mlops.hooks.snapshot_set import snapshot_path

if TYPE_CHECKING:
    from airflow_provider_mlops.core.ledger import Ledger
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.mlflow import MlflowHook
    from airflow_provider_mlops.hooks.storage import Storage


_SHORT = 12


def check_chains(ledger: Ledger, dataset: str, ledger_root: str | None) -> Iterator[RuleResult]:
    """Verify the chain of the model and that of its dataset.

    :param ledger: the model's ledger.
    :param dataset: name of the dataset.
    :param ledger_root: folder of the ledgers.
    :return: a result for each.
    """
    for one in (ledger, dataset_ledger(dataset, ledger_root)):
        report = one.examine()
        # Without the number of records: this replay adds one, and the next one could not say the same.
        whole = sum(report.signed.values()) == len(report.hashes)
        signed = "not signed" if not report.signed else "every record signed" if whole else "signed in part"
        good = f"The chain {one.chain} is intact, {signed}."
        bad = f"The chain {one.chain} is broken: {'; '.join(report.problems[:3])}"
        yield _result(f"chain {one.chain}", report.intact, good if report.intact else bad)


def check_data(storage: Storage, manifest: Mapping[str, Any]) -> Iterator[RuleResult]:
    """Verify every byte of the snapshots that were trained on and tested on.

    :param storage: where they lie.
    :param manifest: the training's manifest.
    :return: one result for all that are intact, and one for each that is not.
    """
    items = {item["snapshot_id"]: item for item in (*manifest["train"]["snapshots"], manifest["test"])}
    good = []
    for snapshot_id, item in items.items():
        name = f"Snapshot {snapshot_id.removeprefix(PREFIX)[:_SHORT]} of {item['partition_key']}"
        try:
            there = _verified(storage, item.get("dataset") or manifest["dataset"], snapshot_id)
        except Pruned as err:
            yield RuleResult(rule=f"data {item['partition_key']}", outcome=Outcome.INCONCLUSIVE, reason=str(err))
            continue
        except (BadInput, EvidenceBroken) as err:
            yield _result(f"data {item['partition_key']}", False, f"{name} is not what was recorded: {err}")
            continue
        if there == snapshot_id:
            good.append(item["partition_key"])
        else:
            reason = f"{name} is not whole any more: rows of it were lawfully erased."
            yield RuleResult(rule=f"data {item['partition_key']}", outcome=Outcome.INCONCLUSIVE, reason=reason)
    if good:
        yield _result("data", True, f"The snapshots of {', '.join(good)} are intact, byte by byte.")


def check_artifact(hook: MlflowHook, training: Record) -> RuleResult:
    """Compare the model that MLflow keeps with the record, by its bytes and by its canonical digest.

    :param hook: the MLflow connection.
    :param training: the training's record.
    :return: the result; a model that is gone or changed is FAIL.
    :raises TransientError: when MLflow cannot be reached.
    """
    from airflow_provider_mlops.backends import scikit_learn as sk
    from airflow_provider_mlops.hooks.scoring import load_model

    try:
        digest = sk.model_digest(load_model(hook, training))
    except (BadInput, EvidenceBroken) as err:
        return _result("artifact", False, f"The model in MLflow is not the recorded one: {err}")
    same = digest == training.body["model_digest"]
    good = "The model in MLflow is the recorded one: bytes and canonical digest agree."
    return _result("artifact", same, good if same else f"The model in MLflow has the digest {digest}.")


def _verified(storage: Storage, dataset: str, snapshot_id: str) -> str | None:
    from airflow_provider_mlops.backends.parquet import verify_snapshot

    there = snapshot_there_now(storage, dataset, snapshot_id)
    if there is not None:
        with storage.open(snapshot_path(dataset, there)) as folder:
            verify_snapshot(folder, there)
    return there


def _result(rule: str, good: bool, reason: str) -> RuleResult:
    return RuleResult(rule=rule, outcome=Outcome.PASS if good else Outcome.FAIL, reason=reason)
