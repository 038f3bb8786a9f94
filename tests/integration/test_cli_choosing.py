"""The ``ovsfleet`` command where it chooses: logins, labels, filters, paths, and statistics."""

from __future__ import annotations

import io
import json
import re
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from controller.domain.inventory import ForeignBridge, ForeignInterface, ForeignPort, Inventory
from controller.services import inventory
from controller.services.statistics import Intake
from controller.services.status import SessionStart, open_session
from tests.support.api import Api, LiveServer
from tests.support.cli import Cli, QuickCli
from tests.support.counting import steady
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
metadata: {name: blue, labels: {tier: gold}}
---
kind: Segment
metadata: {name: red, labels: {tier: tin}}
---
kind: Port
metadata: {name: blue-1, labels: {tier: gold}}
spec: {host: h1, interface: blue1, segment: blue, mtu: 1400}
---
kind: Port
metadata: {name: blue-2, labels: {tier: gold}}
spec: {host: h2, interface: blue2, segment: blue}
---
kind: Port
metadata: {name: red-1}
spec: {host: h2, interface: red1, segment: red}
"""


@pytest.fixture
def cli(api: Api, live: LiveServer, tmp_path: Path) -> Cli:
    command = QuickCli(live.url, api.secret, tmp_path)
    command.out("apply", "-f", "-", stdin=FLEET)
    return command


def test_a_path_picks_values_out_of_what_was_read(cli: Cli) -> None:
    names = cli.out("get", "ports", "-o", "jsonpath={.items[*].metadata.name}")
    assert names.split() == ["blue-1", "blue-2", "red-1"]
    assert cli.out("get", "port", "blue-1", "-o", "jsonpath=$.spec.mtu") == "1400\n"
    assert cli.out("get", "port", "blue-1", "-o", "jsonpath=.metadata.labels") == (
        '{"tier": "gold"}\n'
    )
    wrong = cli.run("get", "ports", "-o", "jsonpath={.items[}")
    assert (wrong.returncode, "is no JSONPath" in wrong.stderr) == (2, True), wrong.stderr


def test_a_list_is_narrowed_by_a_filter_and_put_in_order(cli: Cli) -> None:
    found = cli.out(
        "get", "ports", "--filter", 'spec.host = "h2"', "--sort-by", "name desc", "-oname"
    )
    assert found.split() == ["port/red-1", "port/blue-2"]
    refused = cli.run("get", "ports", "--filter", "spec.colour = 3")
    assert (refused.returncode, "spec.colour" in refused.stderr) == (1, True)


def test_what_bears_labels_is_deleted_and_nothing_else(cli: Cli) -> None:
    done = cli.run("delete", "ports", "-l", "tier=gold")
    assert done.stdout.split() == ["port/blue-1", "deleted", "port/blue-2", "deleted"]
    assert cli.out("get", "ports", "-o", "name") == "port/red-1\n"
    again = cli.run("delete", "ports", "-l", "tier=gold")
    assert (again.returncode, "There are no ports" in again.stderr) == (0, True)


def test_pruning_spares_the_kinds_that_are_not_named(cli: Cli) -> None:
    one = "kind: Segment\nmetadata: {name: green, labels: {tier: gold}}\n"
    words = ("apply", "-f", "-", "--prune", "-l", "tier=gold", "--prune-kind", "port")
    done = cli.run(*words, stdin=one)
    assert done.returncode == 0, done.stderr
    assert "port/blue-1 deleted" in done.stdout
    assert "segment/blue" in cli.out("get", "segments", "-o", "name").split()


def test_a_wait_for_labels_names_what_is_missing(cli: Cli) -> None:
    done = cli.run("wait", "ports", "-l", "tier=gold", "--timeout", "0.1s")
    assert done.returncode == 6
    assert "port/blue-2" in done.stderr
    assert "port/red-1" not in done.stderr


def test_describing_a_segment_lists_its_mesh_from_both_sides(cli: Cli) -> None:
    shown = cli.out("describe", "segment", "blue")
    rows = [line.split()[:3] for line in shown.splitlines()]
    assert ["h1", "h2", "192.0.2.2"] in rows
    assert ["h2", "h1", "192.0.2.1"] in rows


def test_logins_go_by_names_and_a_named_one_wins_over_the_environment(
    cli: Cli, live: LiveServer
) -> None:
    token = cli.home / "token"
    token.write_text(cli.token)
    for name in ("lab", "production"):
        cli.out("login", live.url, "--token-file", str(token), "--name", name)
    listed = json.loads(cli.out("context", "list", "-o", "json"))["items"]
    assert [(each["name"], each["current"]) for each in listed] == [
        ("lab", False),
        ("production", True),
    ]
    cli.url = "http://127.0.0.1:9"
    assert cli.run("get", "hosts").returncode == 1
    assert "host/h1" in cli.out("--context", "lab", "get", "hosts", "-o", "name")
    cli.out("context", "use", "lab")
    cli.out("context", "remove", "production")
    assert "*" in cli.out("context", "list")
    gone = cli.run("--context", "production", "get", "hosts")
    assert (gone.returncode, "there are: lab" in gone.stderr) == (4, True)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_refused_edit_is_opened_again_with_what_is_wrong_above_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(io, "StringIO", _Terminal)
    script = tmp_path / "editor.py"
    script.write_text(
        "import sys, pathlib\n"
        "f = pathlib.Path(sys.argv[1]); t = f.read_text()\n"
        "if 'mtu: 1400' in t: t = t.replace('mtu: 1400', 'mtu: 99999')\n"
        "else:\n"
        "    assert t.startswith('#! ') and '/spec/mtu' in t.splitlines()[1], t\n"
        "    t = t.replace('mtu: 99999', 'mtu: 1300')\n"
        "f.write_text(t)\n"
    )
    cli.environment = {"VISUAL": "", "EDITOR": f"{sys.executable} {script}"}
    done = cli.run("edit", "port", "blue-1")
    assert (done.returncode, "port/blue-1 updated" in done.stderr) == (0, True), done.stderr
    assert "mtu: 1300\n" in cli.out("export", "port")
    assert not list(tmp_path.glob("ovsfleet-port-*"))


@pytest.fixture
def counted(api: Api, cli: Cli) -> None:
    """The port ``blue-1`` has carried 10 kbit/s for five minutes, until now."""
    port, host = UUID(cli.uid("port", "blue-1")), UUID(cli.uid("host", "h1"))
    start = datetime.now(UTC) - timedelta(minutes=5)
    reports = steady(host, f"port:{port}", rate=1250, start=start, samples=60)
    for report in reports:
        Intake(api.db).store([report], now=report.sampled_at)


@pytest.mark.usefixtures("counted")
def test_what_passed_through_a_port_is_shown_as_a_course(cli: Cli) -> None:
    shown = cli.out("stats", "port", "blue-1", "--since", "10m")
    (row,) = [line for line in shown.splitlines() if "rx_bytes" in line]
    assert re.search(r"10(\.0)? kbit/s", row)
    assert "█" in row
    raw = json.loads(cli.out("stats", "port", "blue-1", "--since", "10m", "-o", "json"))
    assert raw["object"]["name"] == "blue-1"
    busiest = cli.out("top", "h1").splitlines()
    name, rate, unit = busiest[1].split()[:3]
    assert (name, float(rate), unit) == ("port/blue-1", 10, "kbit/s")


def test_what_nothing_is_counted_for_is_said(cli: Cli) -> None:
    refused = cli.run("stats", "bridge", "b")
    assert (refused.returncode, "Nothing is counted for bridges" in refused.stderr) == (1, True)
    assert "Nothing was heard" in cli.run("stats", "port", "red-1").stderr


def test_what_a_host_has_of_others_is_shown_and_found(api: Api, cli: Cli) -> None:
    assert "has told nothing" in cli.run("inventory", "h1").stderr
    missing = cli.run("find-interface", "vif-1")
    assert (missing.returncode, "No host tells" in missing.stderr) == (4, True)
    now, uid = datetime.now(UTC), UUID(cli.uid("host", "h1"))
    guest = ForeignInterface("tap1", iface_id="vif-1")
    bridge = ForeignBridge("br-int", ports=(ForeignPort("tap1", 7, (guest,)),))
    epoch = open_session(api.db, uid, SessionStart("nonce", "1"), now=now)
    told = Inventory(bridges=(bridge,), bridges_total=1, ports_total=3)
    assert inventory.record(api.db, uid, epoch, told, now=now)
    shown = cli.run("inventory", "h1")
    rows = [line.split() for line in shown.stdout.splitlines()]
    assert ["br-int", "tap1", "7", "tap1", "(system,", "iface-id", "vif-1)"] in rows
    assert "2 more ports" in shown.stderr
    assert ["h1", "br-int", "tap1", "tap1", "-"] in [
        line.split() for line in cli.out("find-interface", "vif-1").splitlines()
    ]


def test_what_is_between_hosts_is_a_table_and_narrows(cli: Cli) -> None:
    shown = cli.run("topology", "--group-by", "host", "--segment", "blue")
    assert "at revision" in shown.stderr
    assert shown.returncode == 0
    assert cli.run("topology", "--meshes", "hubs").returncode == 0
    refused = cli.run("topology", "--group-by", "colour")
    assert (refused.returncode, "label:KEY" in refused.stderr) == (1, True)


def test_a_pool_tells_what_is_in_use_and_a_group_who_is_in_it(cli: Cli) -> None:
    more = """\
kind: Pool
metadata: {name: vnis}
spec: {type: vni, ranges: [5000-5001]}
---
kind: Segment
metadata: {name: pooled}
spec: {vni_pool: vnis}
---
kind: HostGroup
metadata: {name: edge}
spec: {selector: role=edge}
"""
    cli.out("apply", "-f", "-", stdin=more)
    usage = [line.split() for line in cli.out("describe", "pool", "vnis").splitlines()]
    assert ["2", "total,", "1", "used,", "0", "quarantined,", "1", "free"] in usage
    assert ["5000", "Segment", "pooled", "in", "use"] in [line[:5] for line in usage]
    assert "No host has such labels" in cli.out("describe", "host-group", "edge")


def whereabouts(cli: Cli, name: str) -> tuple[str, str | None]:
    spec = json.loads(cli.out("get", "port", name, "-o", "json"))["spec"]
    return spec["host"], spec["migrating_to"]


def test_a_port_moves_at_once_or_in_two_steps_that_can_be_taken_back(api: Api, cli: Cli) -> None:
    assert cli.out("move", "port", "blue-1", "h2") == "port/blue-1 updated\n"
    assert whereabouts(cli, "blue-1") == ("h2", None)
    assert cli.out("move", "port", "blue-1", "h2") == "port/blue-1 unchanged\n"

    vm = "kind: Port\nmetadata: {name: vm}\n"
    vm += "spec: {type: tap, host: h1, interface: vm0, segment: blue}\n"
    cli.out("apply", "-f", "-", stdin=vm)
    cli.out("move", "port", "vm", "h2", "--prepare")
    assert whereabouts(cli, "vm") == ("h1", "h2")
    cli.out("move", "port", "vm", "--abort")
    assert whereabouts(cli, "vm") == ("h1", None)
    cli.out("move", "p", "vm", "h2", "--prepare")
    late = cli.run("move", "port", "vm", "h2", "--wait", "--timeout", "0.1s")
    assert (late.returncode, late.stdout) == (6, "port/vm updated\n")
    assert "0 of 1 are Ready" in late.stderr
    assert whereabouts(cli, "vm") == ("h2", None)
    for name in ("h1", "h2"):
        ReportingHost(api.db, cli.uid("host", name)).report(api.head() + 1)
    done = cli.run("move", "port", "vm", "h1", "--prepare", "--wait", "--timeout", "25")
    assert (done.returncode, whereabouts(cli, "vm")) == (0, ("h2", "h1"))
    assert "1 of 1 are Ready" in done.stderr


def test_a_move_that_cannot_be_says_why(cli: Cli) -> None:
    refused = cli.run("move", "port", "blue-1", "h2", "--prepare")
    assert refused.returncode == 1
    assert "cannot be on two hosts" in refused.stderr
    bound = "kind: Port\nmetadata: {name: vm}\nspec: {type: bound, segment: blue, iface_id: vif}\n"
    cli.out("apply", "-f", "-", stdin=bound)
    assert "is bound" in cli.run("move", "port", "vm", "--abort").stderr
    for words in (("segment", "blue", "h2"), ("port", "vm"), ("port", "vm", "h2", "--abort")):
        assert cli.run("move", *words).returncode == 2


def test_every_kind_is_listed_with_its_short_name(cli: Cli) -> None:
    rows = [line.split() for line in cli.out("kinds").splitlines()]
    assert ["TunnelProfile", "tunnel-profiles", "tp"] in rows
