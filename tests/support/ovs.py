"""A private Open vSwitch for a test: real ovsdb-server and ovs-vswitchd in directories of its own.

ovs-vswitchd runs inside a namespace of its own with the userspace datapath. Both are children of
the test process, ended by process id; directories and namespace go with them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.ovsdb.connection import OvsdbConnection
from agent.ovsdb.snapshot import OvsdbSnapshot, OvsdbUnavailableError
from tests.support.netns import Namespace, namespace
from tests.support.waiting import eventually

SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
DEADLINE_S = 60.0


class OpenVSwitch:
    """One host's Open vSwitch; ``netns`` is the host's namespace."""

    def __init__(self, directory: Path, netns: Namespace) -> None:
        self.directory = directory
        self.netns = netns
        self.remote = f"unix:{directory}/db.sock"
        self._database: subprocess.Popen[bytes] | None = None
        self._vswitchd: subprocess.Popen[bytes] | None = None
        self._environment = os.environ | dict.fromkeys(
            ("OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR"), str(directory)
        )

    def create(self) -> None:
        self._tool("ovsdb-tool", "create", f"{self.directory}/conf.db", str(SCHEMA))
        self.start_database()
        self.vsctl("--no-wait", "init")

    def start_database(self) -> None:
        self._database = self._spawn(
            "ovsdb-server",
            f"{self.directory}/conf.db",
            f"--remote=punix:{self.directory}/db.sock",
            f"--unixctl={self.directory}/ovsdb-server.ctl",
            "--pidfile",
        )
        _await_listener(self.directory / "db.sock")

    def stop_database(self) -> None:
        _end(self._database, signal.SIGTERM)
        self._database = None

    def start_vswitchd(self) -> None:
        control = self.directory / "ovs-vswitchd.ctl"
        self._vswitchd = self._spawn(
            *("ip", "netns", "exec", self.netns.name),
            *("ovs-vswitchd", self.remote, "--pidfile", f"--unixctl={control}"),
        )
        _await_listener(control)

    def stop_vswitchd(self, how: signal.Signals = signal.SIGKILL) -> None:
        _end(self._vswitchd, how)
        self._vswitchd = None

    def freeze_vswitchd(self, *, frozen: bool) -> None:
        """Make it hang (it keeps its sockets and does nothing), or go on."""
        assert self._vswitchd is not None
        self._vswitchd.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def freeze_database(self, *, frozen: bool) -> None:
        assert self._database is not None
        self._database.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def close(self) -> None:
        if self._database is not None:
            self.freeze_database(frozen=False)
        if self._vswitchd is not None:
            self.freeze_vswitchd(frozen=False)
        self.stop_vswitchd(signal.SIGTERM)
        self.stop_database()

    def vsctl(self, *arguments: str) -> str:
        return self._tool("ovs-vsctl", f"--db={self.remote}", "--timeout=20", *arguments).strip()

    def appctl(self, *arguments: str) -> str:
        return self._tool("ovs-appctl", "-t", f"{self.directory}/ovs-vswitchd.ctl", *arguments)

    def compact(self) -> None:
        """Have the journal of the database begin anew with all rows as they are."""
        server = f"{self.directory}/ovsdb-server.ctl"
        self._tool("ovs-appctl", "-t", server, "ovsdb-server/compact")

    def dump(self, *arguments: str) -> str:
        """``ovsdb-client dump``: the content of a table, or of some of its columns, as text."""
        return self._tool("ovsdb-client", "dump", self.remote, "Open_vSwitch", *arguments)

    def transact(self, *operations: dict[str, Any]) -> None:
        """Raw OVSDB operations (RFC 7047, 5.2), for what ovs-vsctl would take long over."""
        request = json.dumps(["Open_vSwitch", *operations])
        answer = self._tool("ovsdb-client", "transact", self.remote, request)
        assert '"error"' not in answer, answer

    def transactions(self) -> int:
        """How many transactions the database has recorded."""
        return sum(line.startswith("record ") for line in self.log().splitlines())

    def log(self) -> str:
        """``ovsdb-tool show-log``: every transaction with its comment."""
        return self._tool("ovsdb-tool", "show-log", f"{self.directory}/conf.db")

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.directory / "output").open("ab") as output:
            return subprocess.Popen(command, env=self._environment, stdout=output, stderr=output)

    def _tool(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr or done.stdout}"
        return done.stdout


def _await_listener(path: Path) -> None:
    eventually(lambda: _listens(path), within=DEADLINE_S, what=f"somebody listens on {path.name}")


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def _end(process: subprocess.Popen[bytes] | None, how: signal.Signals) -> None:
    if process is not None:
        process.send_signal(how)
        process.wait(DEADLINE_S)


@contextmanager
def open_vswitch(netns: Namespace, *, vswitchd: bool = True) -> Iterator[OpenVSwitch]:
    directory = Path(tempfile.mkdtemp(prefix="ovsfleet-"))
    made = OpenVSwitch(directory, netns)
    try:
        made.create()
        if vswitchd:
            made.start_vswitchd()
        yield made
    finally:
        made.close()
        shutil.rmtree(directory)


@pytest.fixture
def ovs(netns: Namespace) -> Iterator[OpenVSwitch]:
    """Open vSwitch with both daemons running; its host's namespace is the fixture ``netns``."""
    with open_vswitch(netns) as made:
        yield made


@pytest.fixture
def ovsdb() -> Iterator[OpenVSwitch]:
    """ovsdb-server alone, as on a host whose ovs-vswitchd is down."""
    with namespace() as made, open_vswitch(made, vswitchd=False) as switch:
        yield switch


@asynccontextmanager
async def connected(
    switch: OpenVSwitch, on_change: Callable[[], None] = lambda: None
) -> AsyncIterator[OvsdbConnection]:
    connection = OvsdbConnection(switch.remote, on_change=on_change)
    connection.open()
    try:
        assert await connection.ready(DEADLINE_S)
        yield connection
    finally:
        await connection.close()


async def observed_until(
    connection: OvsdbConnection, condition: Callable[[OvsdbSnapshot], bool], what: str
) -> OvsdbSnapshot:
    """Look until the condition holds of what is seen; a lost connection counts as not yet."""
    give_up = time.monotonic() + DEADLINE_S
    while True:
        with contextlib.suppress(OvsdbUnavailableError):
            if condition(snapshot := await connection.observe()):
                return snapshot
        assert time.monotonic() < give_up, f"not within {DEADLINE_S} s: {what}"
        await asyncio.sleep(0.01)
