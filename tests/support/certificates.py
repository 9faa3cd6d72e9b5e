"""A certificate as small as one can be."""

from typing import Any

CERTIFICATE: dict[str, Any] = {
    "schema": 1,
    "model": "m",
    "version": "1",
    "partition_key": "2020-01",
    "manifest_hash": f"sha256:{'f' * 64}",
    "level": "L0",
    "required": "L1",
    "verdict": {"outcome": "PASS", "rules": []},
    "differences": [],
    "records": {},
    "figures": {},
}
