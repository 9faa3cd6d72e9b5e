"""What ``airflow mlops card`` does: write the card of a version."""

import sys
from argparse import Namespace

from airflow_provider_mlops.cli.exit_codes import exit_codes
from airflow_provider_mlops.cli.models import chosen_model
from airflow_provider_mlops.cli.output import write_json
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.card_page import card_markdown
from airflow_provider_mlops.hooks.card import card_of
from airflow_provider_mlops.hooks.ledger import model_ledger


@exit_codes
def show(args: Namespace) -> None:
    """Write a card as Markdown, or as JSON.

    :param args: ``model``, ``version``, ``json`` and ``ledger_root``.
    """
    args.model = chosen_model(args.model, args.ledger_root)
    records = model_ledger(args.model, args.ledger_root).records()
    card = card_of(args.model, args.version, records, args.ledger_root)
    if args.json:
        write_json(card)
    else:
        sys.stdout.write(card_markdown(card, sha256_of(card), {}))
