"""``airflow mlops policy check``: what a policy demands, in words, and how many rows each rule needs."""

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.cli.exit_codes import exit_codes
from airflow_provider_mlops.cli.models import model_records
from airflow_provider_mlops.cli.output import say, write_json
from airflow_provider_mlops.cli.policy import open_policy
from airflow_provider_mlops.core.approval_policy import demand_text
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    from airflow_provider_mlops.core.policy import Policy
    from airflow_provider_mlops.statistics.policy_assumptions import Assumptions

_INDENT = "    "


@exit_codes
def check(args: Namespace) -> None:
    """Print what each rule demands, the rows it needs, and what looks wrong.

    :param args: ``file``, ``rows``, ``discordance``, ``base_rate``, ``model`` (each None when not given), ``json`` and
        ``ledger_root``.
    """
    policy = open_policy(args.file)
    if args.rows is not None and args.rows < 1:
        raise BadInput(f"--rows must be at least 1, not {args.rows}.")
    found = _explain(policy, _assumptions(args), args.rows)
    if args.json:
        write_json(found)
    else:
        _print(found)


def _assumptions(args: Namespace) -> "Assumptions":
    from airflow_provider_mlops.statistics.policy_assumptions import Assumptions

    given: dict[str, Any] = _measured(args) if args.model else {}
    given |= {name: value for name in ("discordance", "base_rate") if (value := getattr(args, name)) is not None}
    return Assumptions(**given)


def _measured(args: Namespace) -> dict[str, Any]:
    """Take from the newest live evaluation what it says about the spread of the metrics."""
    records = model_records(args.model, args.ledger_root)
    newest = next((r for r in reversed(records) if r.kind == "evaluation" and r.mode == "live"), None)
    if newest is None:
        raise BadInput(f"Model {args.model!r} has no recorded evaluation; leave --model out.")
    body = newest.body
    found: dict[str, Any] = {"measured": body["metrics"], "source": f"the evaluation of {body['partition_key']}"}
    share = body["positives"] / body["rows"] if body.get("positives") else None
    return {**found, "base_rate": share} if share and share < 1 else found


def _explain(policy: "Policy", assumed: "Assumptions", rows: int | None) -> dict[str, Any]:
    from airflow_provider_mlops.statistics import policy_words
    from airflow_provider_mlops.statistics.policy_rows import need_of
    from airflow_provider_mlops.statistics.policy_warnings import power_notes, rows_at_hand, warnings_of
    from airflow_provider_mlops.statistics.sample_size import POWER

    needs = {rule.name: need_of(rule, policy, assumed) for rule in policy.rules}
    rules = []
    for rule in policy.rules:
        need = needs[rule.name]
        power = need.power(rows_at_hand(rule, rows), policy.alpha) if rows and _is_countable(rule, need.of) else None
        rules.append(
            {
                "rule": rule.name,
                "kind": rule.kind,
                "demands": policy_words.demand(rule, policy.alpha),
                "rows": need.rows,
                "of": need.of,
                "given": need.given,
                "power": None if power is None else round(power, 4),
            }
        )
    return {
        "policy": policy.name,
        "hash": policy.hash,
        "alpha": policy.alpha,
        "level": policy_words.level_text(policy.alpha),
        "target_power": POWER,
        "rows": rows,
        "dependence": policy_words.dependence_text(policy) or None,
        "outcomes": policy_words.outcomes_text(policy),
        "approval": demand_text(policy.approval),
        "assumptions": {key: value for key, value in asdict(assumed).items() if key != "measured"},
        "rules": rules,
        "notes": power_notes(policy, needs, rows),
        "warnings": warnings_of(policy, assumed),
    }


def _is_countable(rule: Any, of: str) -> bool:
    """Tell whether the test rows at hand say how many rows a rule has: not where the sizes of groups are unknown."""
    return of == "test rows" or bool(getattr(rule, "values", ()))


def _print(found: Mapping[str, Any]) -> None:
    number = len(found["rules"])
    say(f"Policy {found['policy']}: {number} rule{'s' if number != 1 else ''}, all must pass.")
    say(
        f"Each is judged at the one-sided error rate {found['alpha']:g}, on the {found['level']} bound. "
        f"{found['outcomes']}"
    )
    say(found["approval"])
    if found["dependence"]:
        say(found["dependence"])
    for rule in found["rules"]:
        say("")
        say(f"{rule['rule']} ({rule['kind']})")
        say(f"{_INDENT}{rule['demands']}")
        say(f"{_INDENT}{_rows(rule, found['rows'])}")
    for title in ("notes", "warnings"):
        if found[title]:
            say("")
            say(f"{title.capitalize()}:")
            for line in found[title]:
                say(f"  - {line}")


def _rows(rule: Mapping[str, Any], rows: int | None) -> str:
    if rule["rows"] is None:
        return f"Rows: {rule['given']}."
    said = f"Rows: {rule['rows']:,} {rule['of']}, {rule['given']}."
    if rule["power"] is None or rows is None:
        return said
    if rule["kind"] == "min_rows":
        return f"{said} {rows:,} rows {'are enough' if rule['power'] else 'are too few'}."
    power = "above 0.99" if rule["power"] > 0.99 else f"{rule['power']:.2f}"
    return f"{said} With {rows:,} test rows the power is {power}."
