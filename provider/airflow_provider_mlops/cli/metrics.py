"""What ``airflow mlops metrics`` does: write gauges anew from the ledgers."""

from argparse import Namespace

from airflow_provider_mlops.cli.exit_codes import exit_codes
from airflow_provider_mlops.cli.ledger import open_chosen
from airflow_provider_mlops.cli.models import chosen_model
from airflow_provider_mlops.cli.output import say
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.gauges import samples_of
from airflow_provider_mlops.hooks.gauges_out import models, to_prometheus
from airflow_provider_mlops.hooks.ledger import LedgerHook, ledgers_read_once, model_ledger


@exit_codes
def write(args: Namespace) -> None:
    """Write the gauges of one model, or of all.

    :param args: ``model``, ``dir`` and ``ledger_root``.
    :raises BadInput: when nothing says where to, or there is no such model.
    """
    store = open_chosen(args.ledger_root, LedgerHook())
    asked = [chosen_model(args.model, args.ledger_root)] if args.model else models(args.ledger_root)
    if not asked:
        raise BadInput(f"No model has a ledger in {store.root}.")
    for model in asked:
        with ledgers_read_once(by_index=True):
            samples = samples_of(model, model_ledger(model, args.ledger_root).records())
        told = to_prometheus(model, samples, args.dir or "")
        if not told:
            raise BadInput("Nothing says where to: pass --dir, or set [mlops] prometheus_textfile_dir.")
        say(f"{model}: {len(samples)} numbers to {', '.join(told)}")
