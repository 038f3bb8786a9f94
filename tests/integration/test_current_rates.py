"""What passes through a host at present, over the API on a real database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from controller.auth import Role
from controller.services.statistics import Intake
from tests.support.api import Api
from tests.support.counting import reading, report

pytestmark = pytest.mark.integration

FIVE_SECONDS = timedelta(seconds=5)


async def make(api: Api, *objects: dict[str, Any]) -> dict[str, str]:
    """Uids by name."""
    async with api.admin as client:
        answer = await client.post("/v1/apply", json={"objects": objects})
    assert answer.status_code == 200, answer.text
    return {result["name"]: result["uid"] for result in answer.json()["results"]}


def port(name: str, project: str) -> dict[str, Any]:
    metadata = {"name": name, "project": project}
    spec = {"host": "alpha", "interface": name, "segment": f"{project}-net"}
    return {"kind": "Port", "metadata": metadata, "spec": spec}


def segment(project: str) -> dict[str, Any]:
    return {"kind": "Segment", "metadata": {"name": f"{project}-net", "project": project}}


ALPHA = {"kind": "Host", "metadata": {"name": "alpha"}, "spec": {"vteps": ["192.0.2.1"]}}


async def rates(api: Api, secret: str) -> dict[str, dict[str, float]]:
    async with api.client(secret) as client:
        answer = await client.get("/v1/hosts/alpha/rates")
    assert answer.status_code == 200, answer.text
    return {item["subject"]: item["rates"] for item in answer.json()["items"]}


async def test_the_two_newest_samples_make_the_rate_and_old_ones_none(api: Api) -> None:
    host = UUID((await make(api, ALPHA))["alpha"])
    now = datetime.now(UTC)
    eth0, gone = "device:eth0", "device:gone"
    Intake(api.db).store(
        [
            report(host, 1, now - timedelta(minutes=5), reading(gone, rx_bytes=0)),
            report(host, 2, now - timedelta(minutes=4), reading(gone, rx_bytes=9)),
            report(host, 3, now - 2 * FIVE_SECONDS, reading(eth0, rx_bytes=0, tx_packets=7)),
            report(host, 4, now - FIVE_SECONDS, reading(eth0, rx_bytes=100, tx_packets=7)),
            report(host, 5, now, reading(eth0, rx_bytes=600, tx_packets=17)),
        ],
        now=now,
    )
    assert await rates(api, api.secret) == {eth0: {"rx_bytes": 100.0, "tx_packets": 2.0}}


async def test_samples_that_arrive_almost_at_once_make_no_rate_of_their_own(api: Api) -> None:
    host, now = UUID((await make(api, ALPHA))["alpha"]), datetime.now(UTC)
    came = (now - FIVE_SECONDS, now - timedelta(milliseconds=2), now)
    reports = [
        report(host, n, at, reading("device:eth0", rx_bytes=n * 5000))
        for n, at in enumerate(came, start=1)
    ]
    Intake(api.db).store(reports, now=now)
    assert await rates(api, api.secret) == {"device:eth0": {"rx_bytes": 2000.0}}


async def test_a_project_sees_the_rates_of_its_own_ports_alone(api: Api) -> None:
    api.add_projects("blue", "red")
    uids = await make(
        api, ALPHA, segment("blue"), segment("red"), port("mine", "blue"), port("theirs", "red")
    )
    host, now = UUID(uids["alpha"]), datetime.now(UTC)
    mine, theirs = f"port:{uids['mine']}", f"port:{uids['theirs']}"
    mesh = f"tunnel:{uids['blue-net']}/{uids['alpha']}"
    subjects = (mine, theirs, mesh, "device:eth0")
    Intake(api.db).store(
        [
            report(
                host, n, now - (2 - n) * FIVE_SECONDS, *(reading(s, rx_bytes=n) for s in subjects)
            )
            for n in (1, 2)
        ],
        now=now,
    )
    assert set(await rates(api, api.token(Role.VIEWER, "blue"))) == {mine, mesh}
    assert set(await rates(api, api.token(Role.VIEWER))) == set(subjects)
