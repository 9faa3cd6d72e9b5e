"""The pages beside the evidence, as a browser of this machine gets them; and what it does not get."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from airflow_provider_mlops.embedded.pages_server import file_of, make_server, write_index

PAGE = "<!doctype html><html><head><title>FAIL: drift &lt;b&gt;</title></head></html>"
DRIFT = "drift_reports/flights/0a1b/index.html"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A storage with a page, a manifest, rows and a record."""
    root = tmp_path / "storage"
    files = {
        DRIFT: PAGE,
        "certificates/flights/2c3d/certificate.html": PAGE.replace("drift", "certificate"),
        "snapshots/flights/4e5f/manifest.json": "{}",
        "snapshots/flights/4e5f/part-00000.parquet": "rows",
        "ledger/model/flights/00000001.json": "{}",
        "predictions/flights/2013-05/6a7b/manifest.json": "{}",
        ".staging/1/index.html": PAGE,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    (tmp_path / "outside.html").write_text("secret", encoding="utf-8")
    (root / "reports").symlink_to(tmp_path)
    return root


@pytest.fixture
def client(root: Path) -> Iterator[httpx.Client]:
    """A client of the running server."""
    server = make_server(root, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", trust_env=False) as found:
        yield found
    server.shutdown()
    thread.join()
    server.server_close()


def test_pages_and_manifests_are_given_out(client: httpx.Client) -> None:
    """What the links of tasks lead to; a browser takes it for what it is."""
    page, manifest = client.get(f"/{DRIFT}"), client.get("/snapshots/flights/4e5f/manifest.json")

    assert (page.text, page.headers["content-type"]) == (PAGE, "text/html; charset=utf-8")
    assert (manifest.json(), manifest.headers["x-content-type-options"]) == ({}, "nosniff")
    assert client.head(f"/{DRIFT}").content == b""


@pytest.mark.parametrize(
    "path",
    [
        "/snapshots/flights/4e5f/part-00000.parquet",
        "/ledger/model/flights/00000001.json",
        "/predictions/flights/2013-05/6a7b/manifest.json",
        "/.staging/1/index.html",
        "/drift_reports/flights/0a1b/",
        "/drift_reports/flights/0a1b/other.html",
        "/reports/outside.html",
    ],
)
def test_nothing_else_is(client: httpx.Client, path: str) -> None:
    """No rows, no records, no scores, no folders, nothing that a link leads out of the storage to."""
    answer = client.get(path)

    assert answer.status_code == 404
    assert "/ lists those that are" in answer.text


@pytest.mark.parametrize(
    "path", ["/drift_reports/../../outside.html", "/drift_reports/%2e%2e/%2e%2e/outside.html", "/%00", ""]
)
def test_no_path_leads_out(root: Path, path: str) -> None:
    """However it is written."""
    assert file_of(root, path) is None


def test_only_this_machine_is_answered(client: httpx.Client) -> None:
    """A page of another site, whose name was made to point here, reads nothing."""
    assert client.get(f"/{DRIFT}", headers={"Host": "evil.example"}).status_code == 403
    assert client.get(f"/{DRIFT}", headers={"Host": "localhost:5001"}).status_code == 200


def test_the_start_page_lists_pages_by_their_title(client: httpx.Client) -> None:
    """Whatever a title holds is text; a kind without pages says so."""
    text = client.get("/").text

    assert f'<a href="/{DRIFT}">FAIL: drift &lt;b&gt;</a>' in text
    assert text.index("Certificates and audit summaries") < text.index("Drift reports") < text.index("Fire drills")
    assert "None yet." in text


def test_an_empty_storage_has_a_start_page(tmp_path: Path) -> None:
    """Before the first run."""
    assert write_index(tmp_path / "nothing").count("None yet.") == 4
