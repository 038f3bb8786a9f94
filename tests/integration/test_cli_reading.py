"""The ``ovsfleet`` command where it reads: realization, exports, differences, explanations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.services.status import ReportedFailure
from tests.support.api import Api, LiveServer
from tests.support.cli import Cli
from tests.support.reports import ReportingHost

pytestmark = pytest.mark.integration

FLEET = """\
kind: Host
metadata: {name: h1}
spec: {vteps: [192.0.2.1]}
---
kind: Host
metadata: {name: h2}
spec: {vteps: [192.0.2.2]}
---
kind: Segment
metadata: {name: blue, labels: {rack: b}}
---
kind: Port
metadata: {name: blue-1}
spec: {host: h1, interface: blue1, segment: blue, mtu: 1400}
---
kind: Port
metadata: {name: blue-2}
spec: {host: h2, interface: blue2, segment: blue}
"""


@pytest.fixture
def cli(api: Api, live: LiveServer, tmp_path: Path) -> Iterator[Cli]:
    command = Cli(live.url, api.secret, tmp_path)
    command.out("apply", "-f", "-", stdin=FLEET)
    yield command
    command.end()


def lines_of(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_how_far_the_hosts_are_with_an_object_is_shown(api: Api, cli: Cli) -> None:
    first = ReportingHost(api.db, cli.uid("host", "h1"))
    trouble = f"port:{cli.uid('port', 'blue-1')}"
    first.report(api.head(), [ReportedFailure(trouble, "not_found", "NoNamespace", "no netns web")])
    described = lines_of(cli.out("describe", "port", "blue-1"))
    assert any(line.startswith("error: 0 of 1 hosts, not on all for ") for line in described)
    assert "host/h1: Failed, NoNamespace: no netns web" in described
    assert "in_progress 1/2" in cli.out("get", "segment", "blue", "-o", "wide")
    first.report(api.head())
    done = cli.run("wait", "port", "blue-1", "--for=realized", "--timeout", "10")
    assert (done.returncode, "1 of 1 are realized" in done.stderr) == (0, True)
    assert "realized: 1 of 1 hosts" in lines_of(cli.out("describe", "port", "blue-1"))
