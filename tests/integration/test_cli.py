"""The ``ovsfleet`` command against a real controller's REST API.

It is a process where that matters: for what it reads, prints and ends with, and while it waits.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from controller.services.status import ReportedFailure
from tests.support.api import Api, LiveServer
from tests.support.cli import DEADLINE_S, Cli, QuickCli
from tests.support.reports import ReportingHost
from tests.support.restart import Restart
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

HOSTS = """\
kind: Host
metadata: {name: h1}
spec: {vteps: [192.0.2.1]}
---
kind: Host
metadata: {name: h2}
spec: {vteps: [192.0.2.2]}
"""
FABRIC = """\
kind: Segment
metadata: {name: blue}
---
kind: Port
metadata: {name: blue-1}
spec: {host: h1, interface: blue1, segment: blue}
---
kind: Port
metadata: {name: blue-2}
spec: {host: h2, interface: blue2, segment: blue}
"""


@pytest.fixture
def cli(api: Api, live: LiveServer, tmp_path: Path) -> Iterator[Cli]:
    """In this process, but for what it is asked to start."""
    command = QuickCli(live.url, api.secret, tmp_path)
    yield command
    command.end()


@pytest.fixture
def process(api: Api, live: LiveServer, tmp_path: Path) -> Cli:
    """As a person runs it."""
    return Cli(live.url, api.secret, tmp_path)


@pytest.fixture
def hosts(api: Api, cli: Cli) -> dict[str, ReportingHost]:
    cli.out("apply", "-f", "-", stdin=HOSTS)
    items = json.loads(cli.out("get", "hosts", "-o", "json"))["items"]
    return {h["metadata"]["name"]: ReportingHost(api.db, h["metadata"]["uid"]) for h in items}


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, err


def test_what_manifests_leave_out_is_pruned_once_its_number_is_confirmed(cli: Cli) -> None:
    segments = "".join(
        f"---\nkind: Segment\nmetadata: {{name: s{n}, labels: {{app: shop}}}}\n" for n in range(12)
    )
    kept = "kind: Segment\nmetadata: {name: s0, labels: {app: shop}}\n"
    cli.out("apply", "-f", "-", stdin=segments)
    prune = ("apply", "-f", "-", "--prune", "-l", "app=shop")
    asked = cli.run(*prune, stdin=kept)
    assert (asked.returncode, asked.stdout) == (5, "")
    assert "11 Segment" in asked.stderr
    assert "--confirm-count 11" in asked.stderr
    assert "s11 deleted (dry run)" in cli.out(*prune, "--dry-run", stdin=kept)
    assert cli.run(*prune, "--confirm-count", "12", stdin=kept).returncode == 5
    done = cli.out(*prune, "--confirm-count", "11", stdin=kept).splitlines()
    assert done[:2] == ["segment/s0 unchanged", "segment/s1 deleted"]
    cli.out("apply", "-f", "-", stdin=segments)
    assert cli.run("delete", "-f", "-", stdin=segments).returncode == 5
    assert len(cli.out("delete", "-f", "-", "--yes", stdin=segments).splitlines()) == 12
    assert cli.run("apply", "-f", "-", "--prune", stdin=kept).returncode == 2


def test_applying_twice_creates_once(api: Api, process: Cli) -> None:
    first = process.out("apply", "-f", "-", stdin=HOSTS + "---\n" + FABRIC)
    assert first.splitlines() == [
        "host/h1 created",
        "host/h2 created",
        "segment/blue created",
        "port/blue-1 created",
        "port/blue-2 created",
    ]
    revision = api.head()
    again = json.loads(
        process.out("apply", "-f", "-", "-o", "json", stdin=HOSTS + "---\n" + FABRIC)
    )
    assert {result["action"] for result in again["results"]} == {"unchanged"}
    assert again["revision"] == revision == api.head()


def test_a_dry_run_tells_and_writes_nothing(api: Api, cli: Cli) -> None:
    before = api.head()
    assert "host/h1 created (dry run)" in cli.out("apply", "--dry-run", "-f", "-", stdin=HOSTS)
    assert api.head() == before


def test_every_violation_names_its_file_its_line_and_the_way_out(
    api: Api, cli: Cli, tmp_path: Path
) -> None:
    good, bad = tmp_path / "a-hosts.yaml", tmp_path / "b-fabric.yaml"
    good.write_text(HOSTS)
    bad.write_text(FABRIC.replace("host: h1", "host: nowhere") + "  # end\n")
    bad.write_text(bad.read_text().replace("interface: blue2", "interface: much-too-long-name"))
    before = api.head()
    done = cli.run("apply", "-f", str(good), "-f", str(bad))
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"at  {bad}:6: spec: {{host: nowhere" in done.stderr
    assert f"at  {bad}:10: spec: {{host: h2, interface: much-too-long-name" in done.stderr
    assert done.stderr.count("fix ") == 2
    assert api.head() == before


def test_broken_yaml_is_answered_with_its_place(process: Cli) -> None:
    done = process.run("apply", "-f", "-", stdin="kind: Host\nmetadata: {name: [}\n")
    assert done.returncode == 1
    assert "stdin:2" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_somebody_else_holds_is_a_conflict(process: Cli) -> None:
    process.out("apply", "-f", "-", stdin="kind: Segment\nmetadata: {name: a}\nspec: {vni: 777}\n")
    done = process.run(
        "apply", "-f", "-", stdin="kind: Segment\nmetadata: {name: b}\nspec: {vni: 777}\n"
    )
    assert done.returncode == 5
    assert "777" in done.stderr


def test_a_list_is_followed_to_its_last_page(cli: Cli) -> None:
    names = [f"s{number:04}" for number in range(1203)]
    objects = [{"kind": "Segment", "metadata": {"name": name}, "spec": {}} for name in names]
    httpx.post(
        f"{cli.url}/v1/apply",
        json={"objects": objects},
        headers={"Authorization": f"Bearer {cli.token}"},
        timeout=DEADLINE_S,
    ).raise_for_status()
    listed = cli.out("get", "seg", "-o", "name").splitlines()
    assert listed == [f"segment/{name}" for name in names]


def test_objects_come_in_every_shape_and_only_data_goes_to_stdout(process: Cli) -> None:
    process.out("apply", "-f", "-", stdin=HOSTS)
    table = process.out("get", "h").splitlines()
    assert table[0].split()[:3] == ["NAME", "VTEPS", "STATE"]
    assert "192.0.2.1" in table[1]
    assert "UID" in process.out("get", "hosts", "-o", "wide")
    assert "- 192.0.2.2\n" in process.out("get", "host", "h2", "-o", "yaml")
    assert json.loads(process.out("get", "host", "h2", "-o", "json"))["spec"]["vteps"] == [
        "192.0.2.2"
    ]
    nothing = process.run("get", "ports")
    assert (nothing.returncode, nothing.stdout) == (0, "")


def test_hosts_show_how_far_each_has_applied(cli: Cli, hosts: dict[str, ReportingHost]) -> None:
    hosts["h1"].report(41)
    header, first, second = (line.split("  ") for line in cli.out("get", "hosts").splitlines())
    column = [cell.strip() for cell in header if cell].index("APPLIED")
    applied = [[cell.strip() for cell in row if cell.strip()][column] for row in (first, second)]
    assert applied == ["41", "0"]


def test_labels_select(cli: Cli) -> None:
    labelled = HOSTS.replace("{name: h2}", "{name: h2, labels: {rack: b}}")
    cli.out("apply", "-f", "-", stdin=labelled)
    assert cli.out("get", "hosts", "-l", "rack=b", "-o", "name") == "host/h2\n"


def test_describing_a_host_that_never_came_says_how_to_let_it_join(cli: Cli) -> None:
    cli.out("apply", "-f", "-", stdin=HOSTS)
    described = cli.out("describe", "host", "h1")
    assert "NotEnrolled" in described
    assert "ovsfleet enroll h1" in described
    token = cli.out("enroll", "h1", "-o", "token").strip()
    assert cli.out("enroll", "h1").startswith("ovsfleet-agent enroll --token ")
    assert token.startswith("join.h1.")


def test_a_host_is_emptied_and_another_machine_takes_a_place(cli: Cli) -> None:
    cli.out("apply", "-f", "-", stdin=f"{HOSTS}---\n{FABRIC}")
    left = cli.out("decommission", "h1")
    assert "host/h1 decommissioning" in left
    assert "ovsfleet move port blue-1 HOST, or ovsfleet delete port blue-1" in left
    refused = cli.run("decommission", "h1", "--delete-objects", "--confirm-count", "99")
    assert (refused.returncode, "confirm" in refused.stderr) == (5, True)
    assert "port/blue-1 deleted" in cli.out("decommission", "h1", "--delete-objects", "--yes")
    assert cli.run("decommission", "h1", "--wait", "--timeout", "0s").returncode == 6
    replaced = cli.run("replace", "h2")
    assert replaced.stdout.startswith("ovsfleet-agent enroll --token join.h2.")
    assert "is not heard now" in replaced.stderr


def test_describing_a_host_lists_what_fails_on_it(cli: Cli, hosts: dict[str, Any]) -> None:
    cli.out("apply", "-f", "-", stdin=FABRIC)
    uid = json.loads(cli.out("get", "port", "blue-1", "-o", "json"))["metadata"]["uid"]
    failure = ReportedFailure(f"port:{uid}", "not_found", "NamespaceMissing", "no netns web")
    hosts["h1"].report(100, [failure])
    described = cli.out("describe", "host", "h1")
    assert "applied   fleet revision 100" in described
    assert "port/blue-1 (not_found): NamespaceMissing" in described
    assert "no netns web" in cli.out("describe", "port", "blue-1")
    assert "NamespaceMissing: no netns web" in cli.out("status")
    assert "port/blue-1 on host/h1 Failed" in cli.out("attention", "--host", "h1")
    assert "mac" not in cli.out("search", "blue-1", "-k", "port")
    assert "network-admin" in cli.out("whoami")


TUNNEL = """\
kind: Bridge
metadata: {name: lan}
spec: {host: h1, interface: br-lan}
---
kind: Tunnel
metadata: {name: t1}
spec: {ends: [{host: h1, bridge: lan, tag: 7}, {ip: 203.0.113.9}], ttl: inherit}
"""


def test_tunnels_and_backends_are_shown_as_tables(cli: Cli) -> None:
    cli.out("apply", "-f", "-", stdin=f"{HOSTS}---\n{FABRIC}---\n{TUNNEL}")
    header, row = cli.out("get", "tunnels", "--host", "h1").splitlines()
    assert header.split()[:5] == ["NAME", "ENDS", "KEY", "UDP", "PORT"]
    assert " ".join(row.split()).startswith("t1 h1/lan tag 7 to 203.0.113.9 10001 4789 Pending")
    assert cli.out("get", "tun", "--host", "h2") == ""
    assert cli.run("get", "segments", "--host", "h1").returncode == 2
    header, row = cli.out("get", "segments").splitlines()
    assert header.split()[:4] == ["NAME", "VNI", "BACKEND", "MTU"]
    assert row.split()[:4] == ["blue", "10000", "ovs", "auto"]
    described = [" ".join(line.split()) for line in cli.out("describe", "host", "h1").splitlines()]
    assert "blue h2 192.0.2.2 10000 4789 ovs Pending" in described
    assert "t1 outside 203.0.113.9 10001 4789 ovs Pending" in described
    assert "ttl: inherit" in cli.out("describe", "tunnel", "t1")
    assert cli.out("delete", "tunnel", "t1").startswith("tunnel/t1 deleted")


def test_deleting_what_is_not_there_or_still_needed_says_so(cli: Cli) -> None:
    cli.out("apply", "-f", "-", stdin=HOSTS + "---\n" + FABRIC)
    assert cli.run("delete", "port", "absent").returncode == 4
    held = cli.run("delete", "segment", "blue")
    assert held.returncode == 5
    assert "blue-1" in held.stderr
    assert cli.out("delete", "-f", "-", stdin=FABRIC).splitlines() == [
        "segment/blue deleted",
        "port/blue-1 deleted",
        "port/blue-2 deleted",
    ]
    assert cli.run("get", "port", "blue-1").returncode == 4


def test_waiting_ends_when_the_last_host_has_applied(
    api: Api, cli: Cli, hosts: dict[str, ReportingHost]
) -> None:
    hosts["h1"].report(api.head())
    hosts["h2"].report(api.head())
    path = cli.home / "fabric.yaml"
    path.write_text(FABRIC)
    process = cli.start("apply", "--wait", "--timeout", "25", "-f", str(path))
    head = api.head()
    revision = eventually(lambda: api.head() if api.head() > head else 0, within=60, what="apply")
    hosts["h1"].report(revision)
    assert process.poll() is None
    hosts["h2"].report(revision)
    code, out, err = finish(process)
    assert (code, len(out.splitlines())) == (0, 3), err
    assert "3 of 3 are Ready" in err


def test_a_wait_that_runs_out_names_what_is_missing_and_why(
    cli: Cli, hosts: dict[str, ReportingHost]
) -> None:
    hosts["h1"].report(100)
    done = cli.run("wait", "hosts", "--all", "--timeout", "0.5s")
    assert done.returncode == 6
    assert "1 of 2 are Ready" in done.stderr
    assert "host/h2: Pending, Applying" in done.stderr


def test_waiting_for_a_deletion_ends_when_the_hosts_have_taken_it_away(
    api: Api, cli: Cli, hosts: dict[str, ReportingHost]
) -> None:
    cli.out("apply", "-f", "-", stdin=FABRIC)
    for host in hosts.values():
        host.report(api.head())
    head = api.head()
    process = cli.start("delete", "port", "blue-1", "--wait", "--timeout", "25")
    revision = eventually(lambda: api.head() if api.head() > head else 0, within=60, what="delete")
    hosts["h1"].report(revision)
    assert process.poll() is None
    hosts["h2"].report(revision)
    code, out, err = finish(process)
    assert (code, out) == (0, "port/blue-1 deleted\n"), err
    assert f"2 of 2 hosts have applied revision {revision}" in err


def test_a_deletion_waits_for_no_host_that_it_does_not_concern(
    api: Api, cli: Cli, hosts: dict[str, ReportingHost]
) -> None:
    alone = FABRIC + "---\nkind: Segment\nmetadata: {name: own}\n"
    alone += "---\nkind: Port\nmetadata: {name: own-1}\n"
    alone += "spec: {host: h1, interface: own1, segment: own}\n"
    cli.out("apply", "-f", "-", stdin=alone)
    for host in hosts.values():
        host.report(api.head())
    process = cli.start("delete", "port", "own-1", "--wait", "--timeout", "25")
    head = api.head()
    revision = eventually(lambda: api.head() if api.head() > head else 0, within=60, what="delete")
    hosts["h1"].report(revision)
    code, out, err = finish(process)
    assert (code, out) == (0, "port/own-1 deleted\n"), err
    assert f"1 of 1 hosts have applied revision {revision}" in err


def test_a_deletion_that_a_host_cannot_carry_out_is_named_with_its_reason(
    api: Api, cli: Cli, hosts: dict[str, ReportingHost]
) -> None:
    cli.out("apply", "-f", "-", stdin=FABRIC)
    uid = json.loads(cli.out("get", "port", "blue-1", "-o", "json"))["metadata"]["uid"]
    stuck = ReportedFailure(f"port:{uid}", "conflict", "ForeignInterface", "take eth7 off blue1")
    hosts["h1"].report(api.head() + 1, [stuck])
    done = cli.run("delete", "port", "blue-1", "--wait", "--timeout", "0.5s")
    assert done.returncode == 6
    assert f"0 of 2 hosts have applied revision {api.head()}" in done.stderr
    assert "host/h1: Failed, ForeignInterface" in done.stderr
    assert "take eth7 off blue1" in done.stderr
    assert "host/h2: Pending, Applying" in done.stderr


def test_deleting_what_is_gone_already_waits_for_nothing(cli: Cli) -> None:
    cli.out("apply", "-f", "-", stdin=HOSTS + "---\n" + FABRIC)
    cli.out("delete", "-f", "-", stdin=FABRIC)
    again = cli.out("delete", "-f", "-", "--wait", "--timeout", "0.5s", stdin=FABRIC)
    assert again.splitlines()[0] == "segment/blue unchanged"


def test_watching_goes_on_after_the_controller_came_back(
    api: Api, cli: Cli, restart: Restart
) -> None:
    process = cli.start("watch", "segments", "--from-revision", str(api.head()), "-o", "name")
    lines = _lines_of(process)
    cli.out("apply", "-f", "-", stdin="kind: Segment\nmetadata: {name: before}\n")
    assert lines.get(timeout=DEADLINE_S) == "segment/before"
    restart.stop()
    restart.start()
    cli.out("apply", "-f", "-", stdin="kind: Segment\nmetadata: {name: after}\n")
    assert lines.get(timeout=DEADLINE_S) == "segment/after"


def _lines_of(process: subprocess.Popen[str]) -> queue.Queue[str]:
    lines: queue.Queue[str] = queue.Queue()
    assert process.stdout is not None
    stream = process.stdout

    def read() -> None:
        for line in stream:
            lines.put(line.rstrip("\n"))

    threading.Thread(target=read, daemon=True).start()
    return lines


def test_a_login_is_tried_before_it_is_kept(process: Cli) -> None:
    refused = process.run("login", process.url, "--token", "ovsf_wrong")
    assert refused.returncode == 3
    assert not (process.home / "ovsfleet").exists()
    good = process.run("login", process.url, "--token-file", "-", stdin=process.token + "\n")
    assert good.returncode == 0, good.stderr
    assert (process.home / "ovsfleet" / "config.yaml").exists()


def test_a_controller_that_is_not_there_is_told_in_a_sentence(process: Cli) -> None:
    process.url = "http://127.0.0.1:9"
    done = process.run("get", "hosts")
    assert done.returncode == 1
    assert done.stderr.startswith("error: Cannot reach the controller at http://127.0.0.1:9")
    assert "Traceback" not in done.stderr


def test_help_loads_nothing_that_only_commands_need() -> None:
    heavy = "{'httpx', 'rich', 'ruamel.yaml', 'pydantic', 'grpc', 'asyncio'}"
    program = f"import controller.client.cli, sys; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
