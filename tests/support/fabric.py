"""A host with a segment and three ports, applied over REST; for the tests of the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.api import Api

YAML = {"Content-Type": "application/yaml"}
FABRIC = """\
kind: Host
metadata: {name: h1}
spec:
  vteps: [192.0.2.1]
---
kind: Segment
metadata:
  name: blue
  labels: {tier: web}
---
kind: Port
metadata: {name: web-1, labels: {tier: web, zone: a}}
spec: {host: h1, interface: web1, segment: blue, mac: "02:00:00:00:00:01",
       addresses: [10.0.0.1/24]}
---
kind: Port
metadata: {name: web-2, labels: {tier: web, zone: b}}
spec:
  host: h1
  interface: web2
  segment: blue
  type: veth
  peer: {netns: guest, interface: eth0}
---
kind: Port
metadata: {name: db-1, labels: {tier: db}}
spec: {host: h1, interface: db1, segment: blue}
"""


@pytest.fixture
async def admin(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with api.admin as client:
        yield client


@pytest.fixture
async def fabric(admin: httpx.AsyncClient) -> dict[str, Any]:
    answer = await admin.post("/v1/apply", content=FABRIC, headers=YAML)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def names(admin: httpx.AsyncClient, path: str) -> list[str]:
    answer = await admin.get(path)
    assert answer.status_code == 200, answer.text
    return [item["metadata"]["name"] for item in answer.json()["items"]]
