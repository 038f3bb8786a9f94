"""Releasing and adopting on the command line and over REST, and what is shown of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from controller.client.fleet import Fleet
from controller.services import status
from controller.services.status import HostReport, Outcome, ReportedFailure, SessionStart
from tests.support.api import Api, LiveServer
from tests.support.cli import Cli, QuickCli

pytestmark = pytest.mark.integration

FLEET = """\
kind: Host
metadata: {name: h1}
spec: {vteps: [192.0.2.1], management_interface: eth0}
---
kind: Bridge
metadata: {name: lan}
spec: {host: h1, interface: lan}
"""
TAKER = """\
kind: Bridge
metadata: {name: wan}
spec: {host: h1, interface: eth0}
"""
GONE = "port:00000000-0000-0000-0000-00000000000a"
KEPT = "port:00000000-0000-0000-0000-00000000000b"


@pytest.fixture
def cli(api: Api, live: LiveServer, tmp_path: Path) -> Cli:
    command = QuickCli(live.url, api.secret, tmp_path)
    command.out("apply", "-f", "-", stdin=FLEET)
    return command


def undoes(api: Api, cli: Cli, good: int, bad: int) -> None:
    now, uid = datetime.now(UTC), UUID(cli.uid("host", "h1"))
    epoch = status.open_session(api.db, uid, SessionStart("n", "1"), now=now)
    failures = (
        ReportedFailure("change", "conflict", "Reverted", "wan took eth0"),
        ReportedFailure(GONE, "conflict", "NotRemoved", "nobody deleted it"),
        ReportedFailure(KEPT, "conflict", "NotRemoved", "nobody deleted it"),
    )
    report = HostReport(bad, good, b"good", Outcome.REVERTED, failures)
    assert status.record(api.db, uid, epoch, report, now=now)


def test_a_forced_change_that_a_host_undid_is_shown_and_released(
    api: Api, cli: Cli, live: LiveServer
) -> None:
    refused = cli.run("apply", "-f", "-", stdin=TAKER)
    assert refused.returncode == 5
    assert "ovsfleet apply --force" in refused.stderr
    good = api.head()
    forced = cli.run("apply", "--force", "-f", "-", stdin=TAKER)
    assert "warning: /objects/0/spec/interface: 'eth0' is" in forced.stderr
    undoes(api, cli, good, api.head())

    described = cli.out("describe", "host", "h1")
    assert "Pinned: True (Reverted)" in described
    assert "wan took eth0" in described
    with httpx.Client(base_url=live.url, headers={"Authorization": f"Bearer {api.secret}"}) as rest:
        assert rest.get("/v1/hosts/h1").json()["status"]["pinned_revision"] == good
        metrics = rest.get("/metrics").text
    assert "ovsfleet_hosts_pinned 1.0" in metrics
    waiting = cli.run("delete", "bridge", "wan")
    assert "warning: /: host 'h1' is held at revision" in waiting.stderr

    mixed = cli.run("release", "h1", "--force", "--removals", "--only", GONE)
    assert mixed.returncode == 2
    assert "--force and --removals is for" in " ".join(mixed.stderr.split())
    some = cli.run("release", "h1", "--only", GONE)
    assert f"h1 takes {GONE} away" in some.stderr
    assert "warning: /: host 'h1' is held" in some.stderr
    followed = cli.run("release", "h1")
    assert "h1 follows the fleet again" in followed.stderr
    assert "`ovsfleet release h1 --removals`" in followed.stderr
    rest_of_it = cli.run("release", "h1", "--removals", "--confirm-count", "1")
    assert f"h1 takes {KEPT} away" in rest_of_it.stderr
    assert f"h1 has {KEPT} granted no more" in (
        cli.run("release", "h1", "--withdraw", "--only", KEPT).stderr
    )
    assert f"h1 takes {KEPT} away" in cli.run("release", "h1", "--only", KEPT).stderr
    assert "Nothing waits on h1" in cli.run("release", "h1").stderr
    adopted = cli.run("adopt", "bridge", "lan", "--host", "h1", "--accept-differences")
    assert "lan takes over what host h1 has" in adopted.stderr
    described = cli.out("describe", "host", "h1")
    assert "adopt of bridge:" in described
    assert "differences accepted" in described

    with Fleet(live.url, api.secret) as fleet:
        standing: dict[str, Any] = fleet.hosts.grants("h1")
        assert (standing["count"], standing["pin"]) == (5, None)
        assert [each["kind"] for each in standing["items"]] == ["removal", "removal", "adopt"]
        unknown = httpx.post(
            f"{live.url}/v1/hosts/h1/release",
            json={"removals": ["port:x"]},
            headers={"Authorization": f"Bearer {api.secret}"},
        )
        assert unknown.status_code == 422
        assert unknown.json()["errors"][0]["pointer"] == "/removals/0"
        events = (event["data"] for event in fleet.watch(from_revision=good))
        assert next(each for each in events if each.get("action") == "released")["name"] == "h1"
