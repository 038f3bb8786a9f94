"""The command line of the agent, as far as it needs no Open vSwitch."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner

from agent import cli, introspection
from agent.daemon import StartError, only_instance
from agent.failpoints import VARIABLE, reached
from tests.support.waiting import eventually

DOCUMENT: dict[str, Any] = {
    "host": {"host_name": "h1", "host_uid": "uid-1"},
    "controller_error": "UNAVAILABLE: connection refused",
    "metrics": {"ovsfleet_agent_stream_connected": 0.0},
    "trial": {"revision": 5, "remaining_s": 42.5},
    "report": {
        "outcome": "applied",
        "applied_revision": 4,
        "observed_revision": 5,
        "failures": [
            {"resource": "port:a", "reason": "NamespaceMissing", "message": "no blue", "kind": "x"}
        ],
    },
}


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """The commands set up logging on the stderr of their runner, which ends with the test."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OVSFLEET_AGENT_STATE_DIR", str(tmp_path))
    return tmp_path


def call(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli.app, arguments)
    return result.exit_code, result.stdout, result.stderr


def test_without_an_identity_run_says_how_to_enrol(state_dir: Path) -> None:
    status, _, complaint = call("run", "--ovsdb", f"unix:{state_dir}/none.sock")
    assert status == 1
    assert "ovsfleet-agent enroll --token" in complaint


def test_a_token_that_is_none_is_refused(state_dir: Path) -> None:
    status, _, complaint = call("enroll", "--token", "hunter2")
    assert status == 1
    assert "not a join token" in complaint
    assert "hunter2" not in complaint


def test_without_a_state_plan_has_nothing_to_do(state_dir: Path) -> None:
    assert call("plan") == (0, "no desired state has been accepted yet: nothing to do\n", "")


def test_observe_without_a_database_says_so(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "OVSDB_PATIENCE_S", 0.1)
    status, output, complaint = call("observe", "--ovsdb", f"unix:{state_dir}/none.sock")
    assert (status, output) == (1, "")
    assert "is openvswitch running?" in complaint


def test_a_setting_that_is_no_good_is_named(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OVSFLEET_AGENT_LOG_LEVEL", "loud")
    status, _, complaint = call("plan")
    assert status == 1
    assert "log_level" in complaint


def test_status_shows_what_a_person_needs_to_know(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(introspection, "ask", lambda _: DOCUMENT)
    status, output, _ = call("status")
    assert status == 0
    assert output.splitlines() == [
        "host        h1 (uid-1)",
        "controller  not connected: UNAVAILABLE: connection refused",
        "state       applied, revision 4 of 5",
        "trial       revision 5 is undone in 42.5 s unless the controller confirms it",
        "failure     port:a: NamespaceMissing: no blue",
    ]
    assert json.loads(call("status", "--json")[1]) == DOCUMENT


def test_help_answers_at_once_because_it_imports_nothing_heavy() -> None:
    program = "import sys, agent.cli; print(sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    for heavy in ("grpc", "pyroute2", "ovs", "pydantic", "structlog", "cryptography"):
        assert f"'{heavy}'" not in loaded


def test_a_state_directory_belongs_to_one_agent(tmp_path: Path) -> None:
    held = pytest.raises(StartError, match=rf"pid {os.getpid()}\) runs on")
    with only_instance(tmp_path), held, only_instance(tmp_path):
        pass
    with only_instance(tmp_path):
        pass


IDENTITY = '{"fleet_uid": "f-1", "host_uid": "h", "host_name": "h", "southbound": "c:1"}'


def test_purge_asks_for_a_fleet_where_there_is_no_identity(state_dir: Path) -> None:
    status, output, complaint = call("purge", "--ovsdb", "none")
    assert (status, output) == (1, "")
    assert "--fleet UID" in complaint
    status, output, _ = call("purge", "--ovsdb", "none", "--fleet", "f-2")
    assert (status, output) == (0, "nothing of fleet f-2 is on this host\n")


def test_purge_does_nothing_while_the_agent_runs_and_deletes_an_identity_only_when_asked(
    state_dir: Path,
) -> None:
    identity = state_dir / "identity"
    identity.mkdir()
    (identity / "identity.json").write_text(IDENTITY)
    for name in ("key.pem", "cert.pem", "ca.pem"):
        (identity / name).touch()
    assert "belongs to fleet f-1" in call("purge", "--ovsdb", "none", "--fleet", "f-2")[2]
    with only_instance(state_dir):
        status, output, complaint = call("purge", "--ovsdb", "none", "--yes")
    assert (status, output) == (1, "")
    assert "stop it first" in complaint
    assert call("purge", "--ovsdb", "none", "--yes")[0] == 0
    assert list(identity.iterdir())
    assert call("purge", "--ovsdb", "none", "--yes", "--identity")[0] == 0
    assert not list(identity.iterdir())


async def test_introspection_answers_on_a_path_of_any_length(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    path = deep / introspection.SOCKET_NAME
    path.touch()  # what a killed daemon left
    served = asyncio.create_task(introspection.serve(path, lambda: DOCUMENT))
    document = await asyncio.to_thread(
        eventually, lambda: introspection.ask(path), within=60, what="an answer"
    )
    assert document == DOCUMENT
    assert path.stat().st_mode & 0o077 == 0
    served.cancel()
    await asyncio.gather(served, return_exceptions=True)
    assert not path.exists()
    assert introspection.ask(path) is None


def test_a_failpoint_is_inert_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    reached("before-ovsdb")
    monkeypatch.setenv(VARIABLE, "after-ovsdb")
    reached("before-ovsdb")


def test_a_failpoint_that_is_asked_for_is_sudden_death() -> None:
    program = "from agent.failpoints import reached; reached('before-ovsdb'); print('alive')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {VARIABLE: "before-ovsdb"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"")
