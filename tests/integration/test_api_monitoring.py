"""Policies, mirrors and exports over REST: the example of the documentation, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.auth import Role
from tests.support.api import Api

pytestmark = pytest.mark.integration

YAML = {"Content-Type": "application/yaml"}
EXAMPLE = Path(__file__).parents[2] / "docs/examples/monitoring.yaml"
HOSTS = """\
kind: Host
metadata: {name: h1}
spec: {vteps: [192.0.2.1]}
---
kind: Host
metadata: {name: h2}
spec: {vteps: [192.0.2.2]}
---
"""


async def test_the_example_is_taken_without_a_warning_and_read_back_as_it_was_written(
    api: Api,
) -> None:
    async with api.admin as client:
        taken = await client.post("/v1/apply", content=HOSTS + EXAMPLE.read_text(), headers=YAML)
        assert taken.status_code == 200, taken.text
        assert taken.json()["warnings"] == []
        again = await client.post("/v1/apply", content=EXAMPLE.read_text(), headers=YAML)
        assert {each["action"] for each in again.json()["results"]} == {"unchanged"}
        mirror = (await client.get("/v1/mirrors/jade-on-h1")).json()
        assert mirror["spec"]["select_segments"] == ["jade"]
        assert mirror["spec"]["ttl_s"] == 3600
        port = (await client.get("/v1/ports/jade-h1")).json()
        assert port["spec"]["qos_policy"] == "slow"
        found = await client.get("/v1/ports", params={"filter": "spec.qos_policy = slow"})
        assert [item["metadata"]["name"] for item in found.json()["items"]] == ["jade-h1"]


async def test_every_fault_of_a_request_is_told_with_its_place(api: Api) -> None:
    asked: dict[str, Any] = {
        "metadata": {"name": "m"},
        "spec": {"host": "none", "select_all": True, "snaplen": 1},
    }
    async with api.admin as client:
        answer = await client.post("/v1/mirrors", json=asked)
    assert answer.status_code == 422, answer.text
    found = {(each["pointer"], each["code"]) for each in answer.json()["errors"]}
    assert found == {
        ("/spec/output_port", "output_missing"),
        ("/spec/snaplen", "value_out_of_range"),
        ("/spec/host", "unknown_host"),
    }


async def test_who_is_limited_to_a_project_finds_no_mirrors(api: Api) -> None:
    async with api.admin as client:
        await client.post("/v1/apply", content=HOSTS + EXAMPLE.read_text(), headers=YAML)
    async with api.client(api.token(Role.PROJECT_ADMIN, "default")) as client:
        assert (await client.get("/v1/mirrors")).json()["items"] == []
        assert (await client.get("/v1/mirrors/jade-on-h1")).status_code == 404
        assert (await client.delete("/v1/mirrors/jade-on-h1")).status_code == 404
        refused = await client.delete("/v1/ports/jade-probe", headers={"If-Match": "*"})
        assert refused.status_code == 409
        assert "jade-on-h1" not in refused.text
