"""Where this provider keeps its files: the options of the configuration section ``mlops``."""

import os
import re
from pathlib import Path

from airflow_provider_mlops.core.errors import BadInput

SECTION = "mlops"
_IMAGE = re.compile(r"([\w.:/-]+@)?sha256:[0-9a-f]{64}")


def storage_root() -> str:
    """Return the folder or address under which snapshots and evaluations are kept.

    Option ``[mlops] storage_root``; default ``$AIRFLOW_HOME/mlops``.

    :return: an absolute local folder, or an address such as ``s3://bucket/prefix``; no slash at the end.
    :raises BadInput: when the option is a relative path.
    """
    return _checked(_option("storage_root") or f"{_airflow_home()}/mlops", f"[{SECTION}] storage_root")


def ledger_root() -> str:
    """Return the folder or address of the ledger, as the options say; `hooks.ledger` asks the connection first.

    Option ``[mlops] ledger_root``; default ``<storage_root>/ledger``.

    :return: an absolute local folder, or an address on S3; no slash at the end.
    :raises BadInput: when the option is a relative path, or the ledger would lie where no put is conditional.
    """
    return ledger_place(_option("ledger_root") or f"{storage_root()}/ledger", f"[{SECTION}] ledger_root")


def ledger_conn_id() -> str | None:
    """Return the connection of the ledger that the option ``[mlops] ledger_conn_id`` names.

    :return: the id; None when the option is not set: then the default connection counts, if there is one.
    """
    return _option("ledger_conn_id") or None


def ledger_place(value: str, name: str) -> str:
    """Check where a ledger shall lie.

    :param value: a folder or an address.
    :param name: what says so, for the message.
    :return: an absolute local folder, or an address on S3; no slash at the end.
    :raises BadInput: when it is a relative path, or another kind of address.
    """
    root = _checked(value, name)
    if "://" in root and not root.startswith("s3://"):
        raise BadInput(f"A ledger lies in a local folder or on S3, not at {root!r}; set {name} to one of them.")
    return root


def approver_groups() -> str:
    """Return what says who belongs to which group of approvers.

    Option ``[mlops] approver_groups``; default: nothing.

    :return: a JSON object, or the path of a YAML file; empty when the option is not set.
    """
    return _option("approver_groups")


def reports_url() -> str:
    """Return the web address under which the storage root can be read, empty where there is none.

    Option ``[mlops] reports_url``; the links to Data Docs lead there.

    :return: an address without a slash at the end, or an empty text.
    :raises BadInput: when the option is no web address.
    """
    value = _option("reports_url").rstrip("/")
    if value and not value.startswith(("http://", "https://")):
        raise BadInput(f"[{SECTION}] reports_url is {value!r}; write a web address that starts with https://.")
    return value


def image_digest() -> str:
    """Return the digest of the container image that this process runs in, empty where nobody said so.

    Option ``[mlops] image_digest``; whoever starts the container knows it, the process inside does not.

    :return: ``sha256:`` and 64 hexadecimal digits, also behind ``name@``; or an empty text.
    :raises BadInput: when the option is anything else.
    """
    value = _option("image_digest")
    if value and not _IMAGE.fullmatch(value):
        raise BadInput(
            f"[{SECTION}] image_digest is {value!r}; write the digest, sha256: and 64 digits, a tag may move."
        )
    return value


def prometheus_textfile_dir() -> str:
    """Return the folder of the node exporter's text files, empty where gauges are not written.

    Option ``[mlops] prometheus_textfile_dir``.

    :return: an absolute local folder, or an empty text.
    :raises BadInput: when the option is no absolute local folder.
    """
    value = _checked(_option("prometheus_textfile_dir"), f"[{SECTION}] prometheus_textfile_dir")
    if "://" in value:
        raise BadInput(f"[{SECTION}] prometheus_textfile_dir is {value!r}; it must be a folder of this machine.")
    return value


def prometheus_pushgateway() -> str:
    """Return the connection of the Pushgateway, empty where nothing is pushed.

    Option ``[mlops] prometheus_pushgateway``.

    :return: id of an HTTP connection, or an empty text.
    :raises BadInput: when the option is an address and not a connection.
    """
    value = _option("prometheus_pushgateway")
    if "://" in value:
        raise BadInput(f"[{SECTION}] prometheus_pushgateway must be the id of an HTTP connection, not an address.")
    return value


def _option(option: str) -> str:
    from airflow.sdk import conf

    # With a fallback the option works before Airflow has read the provider's own description of it.
    return (conf.get(SECTION, option, fallback=None) or "").strip()


def _checked(value: str, name: str) -> str:
    value = _expanded(value).removeprefix("file://")
    if value and "://" not in value and not Path(value).is_absolute():
        raise BadInput(
            f"{name} is the relative path {value!r}, which every process reads differently; write an absolute one."
        )
    bare = value.rstrip("/")
    return value if bare.endswith(":") else bare or value


def _airflow_home() -> str:
    return _expanded(os.environ.get("AIRFLOW_HOME", "~/airflow"))


def _expanded(text: str) -> str:
    # Not a Path: that would make one slash of the two in an address.
    return os.path.expanduser(os.path.expandvars(text))  # noqa: PTH111 - of variables, too
