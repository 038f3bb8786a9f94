"""The ``ovsfleet`` command where it reads: realization, exports, differences, explanations."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from controller.services.status import ReportedFailure
from tests.support.api import Api, LiveServer
from tests.support.cli import OVSFLEET, Cli, QuickCli
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
def cli(api: Api, live: LiveServer, tmp_path: Path) -> Cli:
    command = QuickCli(live.url, api.secret, tmp_path)
    command.out("apply", "-f", "-", stdin=FLEET)
    return command


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


def test_a_host_is_described_with_its_first_tunnels_and_how_many_more_there_are(cli: Cli) -> None:
    outside = ", ".join(f"198.51.100.{n}" for n in range(1, 61))
    wide = f"kind: Segment\nmetadata: {{name: wide}}\nspec: {{external_vteps: [{outside}]}}\n"
    spec = "{host: h1, interface: wide1, segment: wide}"
    one_port = f"---\nkind: Port\nmetadata: {{name: wide-1}}\nspec: {spec}\n"
    cli.out("apply", "-f", "-", stdin=wide + one_port)
    described = lines_of(cli.out("describe", "host", "h1"))
    rows = [line for line in described if line.startswith("wide outside 198.51.100.")]
    others = [line for line in described if line.startswith("blue h2 ")]
    assert (len(others), len(rows)) == (1, 49)
    assert "… and 11 more" in described
    assert "and 11 more" not in cli.out("describe", "host", "h2")


def test_what_is_exported_into_a_folder_applies_to_no_change(api: Api, cli: Cli) -> None:
    folder = cli.home / "fleet"
    done = cli.run("export", "-f", str(folder))
    assert (done.returncode, done.stdout) == (0, "")
    assert f"{folder / 'ports.yaml'}: 2 ports" in done.stderr
    written = {file.name: file.read_text() for file in folder.iterdir()}
    assert sorted(written) == ["hosts.yaml", "ports.yaml", "segments.yaml"]
    parts = [written[f"{kind}.yaml"] for kind in ("hosts", "segments", "ports")]
    assert cli.out("export") == "".join(parts)
    applied = cli.out("apply", "-f", str(folder)).splitlines()
    assert (len(applied), {line.split()[1] for line in applied}) == (5, {"unchanged"})
    assert cli.out("export", "seg", "-l", "rack=b") == written["segments.yaml"]
    cli.out("delete", "port", "blue-1", "blue-2")
    cli.out("export", "-f", str(folder))
    assert sorted(file.name for file in folder.iterdir()) == ["hosts.yaml", "segments.yaml"]


def test_a_difference_is_shown_line_by_line_and_ends_with_two(api: Api, cli: Cli) -> None:
    same = cli.run("diff", "-f", "-", stdin=FLEET)
    assert (same.returncode, same.stdout) == (0, "")
    changed = FLEET.replace("mtu: 1400", "mtu: 1300").replace("name: blue-2", "name: blue-3")
    done = cli.run("diff", "-f", "-", stdin=changed.replace("interface: blue2", "interface: blue3"))
    assert done.returncode == 2, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["--- port/blue-1 at revision 1", "+++ port/blue-1 as in the manifest"]
    assert [line for line in lines if "mtu" in line] == ["-  mtu: 1400", "+  mtu: 1300"]
    assert "--- /dev/null" in lines
    assert "+  name: blue-3" in lines
    assert api.head() == 1
    refused = cli.run("diff", "-f", "-", stdin=FLEET.replace("mtu: 1400", "mtu: 99999"))
    assert (refused.returncode, "at  stdin:14: spec:" in refused.stderr) == (1, True)


def test_a_field_is_explained_with_its_type_and_default(cli: Cli) -> None:
    assert lines_of(cli.out("explain", "segment.spec.mtu")) == [
        'segment.spec.mtu: integer or "auto"',
        'default: "auto"',
        "IP MTU in bytes; ``auto`` is the smallest member underlay MTU less the overhead.",
    ]
    fields = {line.split()[0]: line for line in lines_of(cli.out("explain", "p.spec")) if line}
    assert fields["host"].startswith("host string null")
    mirror = {line.split()[0]: line for line in lines_of(cli.out("explain", "mirror.spec")) if line}
    assert mirror["host"].startswith("host string required")
    assert "veth" in fields["type"]
    assert "FIELD" in cli.out("explain", "port.spec.peer")
    wrong = cli.run("explain", "port.spec.mut")
    assert (wrong.returncode, "mtu" in wrong.stderr) == (4, True)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def editing(cli: Cli, *replacements: tuple[str, str], before: str = "") -> None:
    """Makes $EDITOR replace words in the file; ``before`` is a program that runs first."""
    script = cli.home / "editor.py"
    lines = ["import sys, pathlib", before, "f = pathlib.Path(sys.argv[1])", "t = f.read_text()"]
    lines += [f"assert {a!r} in t; t = t.replace({a!r}, {b!r})" for a, b in replacements]
    script.write_text("\n".join([*lines, "f.write_text(t)"]))
    cli.environment = {"VISUAL": "", "EDITOR": f"{sys.executable} {script}"}


def kept(temporary: Path) -> list[str]:
    return [file.read_text() for file in temporary.iterdir()]


def test_an_object_is_edited_as_its_canonical_manifest(api: Api, cli: Cli, temporary: Path) -> None:
    editing(cli)
    unchanged = cli.run("edit", "port", "blue-1")
    assert (unchanged.returncode, api.head()) == (0, 1)
    assert "port/blue-1 unchanged" in unchanged.stderr
    editing(
        cli, ("mtu: 1400", "mtu: 1300"), ("name: blue-1", "name: blue-1\n  labels: {a: 2026-01-01}")
    )
    done = cli.run("edit", "port", "blue-1")
    assert (done.returncode, "port/blue-1 updated" in done.stderr) == (0, True), done.stderr
    exported = cli.out("export", "port")
    assert "mtu: 1300\n" in exported
    assert "a: '2026-01-01'\n" in exported or 'a: "2026-01-01"\n' in exported
    assert kept(temporary) == []


def test_an_edit_that_is_refused_is_kept_and_says_what_is_wrong_where(
    cli: Cli, temporary: Path
) -> None:
    editing(cli, ("mtu: 1400", "mtu: 99999"))
    done = cli.run("edit", "port", "blue-1")
    assert done.returncode == 1
    assert ".yaml:10: mtu: 99999" in done.stderr
    assert "What you wrote is kept in " in done.stderr
    assert ["mtu: 99999" in text for text in kept(temporary)] == [True]


def test_an_edit_is_not_written_over_what_others_changed_meanwhile(
    cli: Cli, temporary: Path
) -> None:
    other = cli.home / "other.yaml"
    other.write_text(FLEET.replace("mtu: 1400", "mtu: 1280"))
    apply = [str(OVSFLEET), "apply", "-f", str(other)]
    editing(
        cli,
        ("mtu: 1400", "mtu: 1300"),
        before=f"import subprocess; subprocess.run({apply!r}, check=True, stdout=2)",
    )
    done = cli.run("edit", "port", "blue-1")
    assert done.returncode == 5, done.stderr
    assert "What you wrote is kept in " in done.stderr
    assert ["mtu: 1300" in text for text in kept(temporary)] == [True]
    assert "mtu: 1280\n" in cli.out("export", "port")
