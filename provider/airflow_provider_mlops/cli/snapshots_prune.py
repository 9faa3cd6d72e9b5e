"""``airflow mlops snapshots prune``: what nothing needs, and why everything else stays."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.cli.datasets import chosen_datasets, open_storage, short, who
from airflow_provider_mlops.cli.describe import count
from airflow_provider_mlops.cli.exit_codes import exit_codes
from airflow_provider_mlops.cli.output import print_table, say, write_json
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.mlflow import MlflowHook
    from airflow_provider_mlops.hooks.pruning import Pruning


@exit_codes
def prune(args: Namespace) -> None:
    """Show what would be removed, or remove it.

    :param args: ``dataset`` (or None for all), ``keep`` or ``older_than``, ``audit_days``, ``scores``,
        ``without_registry``, ``mlflow_conn_id``, ``yes``, ``json``, ``storage_root`` and ``ledger_root``.
    """
    from airflow_provider_mlops.core.retention import Rule
    from airflow_provider_mlops.hooks.leftovers_remote import remove_unpublished
    from airflow_provider_mlops.hooks.pruning import Pruner, finish_prunings

    if (args.keep is None) == (args.older_than is None):
        raise BadInput("Say what may go: --keep N (the newest partitions stay) or --older-than DAYS, one of the two.")
    rule = Rule(keep=args.keep, older_than_days=args.older_than, audit_days=args.audit_days)
    storage, registry = open_storage(args), _registry(args)
    pruners = [
        Pruner(name, storage, rule, registry, with_scores=args.scores)
        for name in chosen_datasets(args.dataset, args.ledger_root)
    ]
    leftovers = storage.remove_leftovers() + remove_unpublished(storage) if args.yes else 0
    if args.yes:
        for pruner in pruners:
            finish_prunings(storage, pruner.dataset)
    # All plans are made before anything is removed: an error in the last one leaves everything as it was.
    plans = [(pruner, pruner.plan()) for pruner in pruners]
    shown = [
        _facts(pruner.dataset, plan, pruner.prune(plan, who("snapshots prune")) if args.yes else None)
        for pruner, plan in plans
    ]
    if args.json:
        write_json(shown)
        return
    for facts, (_, found) in zip(shown, plans, strict=True):
        _say(facts, found.plan.partitions, done=args.yes)
    if leftovers:
        say(f"Removed {count(leftovers, 'folder')} that killed tasks had left.")


def _registry(args: Namespace) -> "MlflowHook | None":
    if args.without_registry:
        return None
    from airflow_provider_mlops.hooks.mlflow import MlflowHook

    hook = MlflowHook(args.mlflow_conn_id)
    try:
        _ = hook.connection
    except Exception as err:
        raise BadInput(
            f"The connection {args.mlflow_conn_id!r} cannot be read ({type(err).__name__}); add it, or go by "
            "the ledger alone with --without-registry."
        ) from err
    return hook


def _facts(dataset: str, found: "Pruning", record: "Record | None") -> dict[str, Any]:
    return {
        "dataset": dataset,
        "remove": [
            {"snapshot_id": i.snapshot_id, "partition_keys": list(i.partition_keys), "rows": i.rows, "bytes": i.bytes}
            for i in found.plan.remove
        ],
        "scores": found.scores,
        "profiles": found.profiles,
        "kept": found.plan.kept,
        "record": record.hash if record else None,
    }


def _say(facts: Mapping[str, Any], partitions: Mapping[str, str | None], *, done: bool) -> None:
    verdicts = [("removed" if done else "would go", item["snapshot_id"], "") for item in facts["remove"]]
    verdicts += [("stays", snapshot_id, "; ".join(why)) for snapshot_id, why in facts["kept"].items()]
    rows: list[Sequence[str | int | None]] = [
        (what, short(snapshot_id), partitions.get(snapshot_id), why) for what, snapshot_id, why in verdicts
    ]
    if rows:
        print_table(("what", "id", "partition", "why"), rows)
    size = sum(item["bytes"] or 0 for item in facts["remove"])
    verb = "Removed" if done else "Would remove"
    scores = f" and {count(len(facts['scores']), 'file')} of scores" if facts["scores"] else ""
    scores += f" and {count(len(facts['profiles']), 'profile')}" if facts["profiles"] else ""
    say(f"{verb} {count(len(facts['remove']), 'snapshot')}{scores} of {facts['dataset']}: {size:,} bytes.")
    if facts["record"]:
        say(f"Record {facts['record']}")
    elif facts["remove"] or facts["scores"] or facts["profiles"]:
        say("Nothing was changed; --yes removes them.")
