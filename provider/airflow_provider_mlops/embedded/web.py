"""Whether a web server of the embedded Airflow answers, and waiting until it does."""

import time

import httpx

from airflow_provider_mlops.embedded.config import EmbeddedError
from airflow_provider_mlops.embedded.processes import Processes


def answers(url: str) -> bool:
    """Say whether a server answers.

    :param url: what it is asked for.
    """
    try:
        # A proxy for the internet must not be asked for loopback addresses.
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def wait_for_answer(url: str, name: str, title: str, processes: Processes, seconds: float) -> None:
    """Wait until a server answers.

    :param url: what it is asked for.
    :param name: name of its process.
    :param title: what it is called in the error.
    :param processes: where it is remembered.
    :param seconds: how long it may take.
    :raises EmbeddedError: when it ends or does not answer in time; with the end of its log.
    """
    deadline = time.monotonic() + seconds
    while not answers(url):
        if any(entry.name == name for entry in processes.dead()) or time.monotonic() > deadline:
            raise EmbeddedError(f"{title} does not start.\n{processes.tail(name)}")
        time.sleep(0.2)
