"""The page of a certificate: legible, escaped, and honest about what it does not prove."""

from airflow_provider_mlops.core.certificate_page import certificate_markdown, title_of

HOSTILE = "<script>alert(1)</script> | **bold**"
CERTIFICATE = {
    "schema": 1,
    "model": "flights",
    "version": "3",
    "partition_key": "2013-04",
    "manifest_hash": "sha256:aa",
    "level": "L0",
    "required": "L1",
    "verdict": {
        "outcome": "PASS",
        "marks": [],
        "rules": [{"rule": "data", "outcome": "PASS", "reason": HOSTILE, "numbers": {}}],
    },
    "differences": [{"cause": "code changed", "detail": HOSTILE}],
    "records": {"training": {"chain": "model/flights", "seq": 1, "hash": "sha256:bb", "outcome": None}},
    "figures": {},
}


def test_the_title_says_outcome_level_and_what() -> None:
    """Who reads only the title knows the answer."""
    assert title_of(CERTIFICATE) == "PASS, L0: flights, version 3, partition 2013-04"
    assert "never registered" in title_of({**CERTIFICATE, "version": None})


def test_what_people_wrote_is_escaped() -> None:
    """No tag, no table cell and no emphasis comes from data."""
    page = certificate_markdown(CERTIFICATE, "sha256:cc")

    assert "<script>" not in page
    assert "**bold**" not in page
    assert "`sha256:cc`" in page


def test_nothing_differs_is_said() -> None:
    """An empty section would look like a gap."""
    assert "Nothing." in certificate_markdown({**CERTIFICATE, "differences": []}, "sha256:cc")
