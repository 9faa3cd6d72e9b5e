"""Where this provider keeps its files: the options of the configuration section ``mlops``."""

import os
from pathlib import Path

from airflow_provider_mlops.core.errors import BadInput

SECTION = "mlops"


def storage_root() -> str:
    """Return the folder or address under which snapshots and evaluations are kept.

    Option ``[mlops] storage_root``; default ``$AIRFLOW_HOME/mlops``.

    :return: an absolute local folder, or an address such as ``s3://bucket/prefix``; no slash at the end.
    :raises BadInput: when the option is a relative path.
    """
    return _place("storage_root", f"{_airflow_home()}/mlops")


def ledger_root() -> str:
    """Return the folder of the ledger.

    Option ``[mlops] ledger_root``; default ``<storage_root>/ledger``.

    :return: an absolute local folder; no slash at the end.
    :raises BadInput: when the option is a relative path, or is not set while the storage root is no local folder.
    """
    root = _place("ledger_root", "") or f"{storage_root()}/ledger"
    if "://" in root:
        raise BadInput(f"A ledger needs a local folder, not {root!r}; set the option [{SECTION}] ledger_root to one.")
    return root


def approver_groups() -> str:
    """Return what says who belongs to which group of approvers.

    Option ``[mlops] approver_groups``; default: nothing.

    :return: a JSON object, or the path of a YAML file; empty when the option is not set.
    """
    from airflow.sdk import conf

    return (conf.get(SECTION, "approver_groups", fallback=None) or "").strip()


def _place(option: str, default: str) -> str:
    from airflow.sdk import conf

    # With a fallback the option works before Airflow has read the provider's own description of it.
    value = (conf.get(SECTION, option, fallback=None) or "").strip() or default
    value = _expanded(value).removeprefix("file://")
    if value and "://" not in value and not Path(value).is_absolute():
        raise BadInput(
            f"[{SECTION}] {option} is the relative path {value!r}, which every process reads differently; "
            "write an absolute one."
        )
    return value.rstrip("/") or value


def _airflow_home() -> str:
    return _expanded(os.environ.get("AIRFLOW_HOME", "~/airflow"))


def _expanded(text: str) -> str:
    # Not a Path: that would make one slash of the two in an address.
    return os.path.expanduser(os.path.expandvars(text))  # noqa: PTH111
