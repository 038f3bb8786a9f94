"""``ovsfleet-agent`` as a process of its own, inside the namespace that plays its host."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from agent import introspection
from tests.support.netns import Namespace
from tests.support.southbound import DEADLINE_S, ControllerEnd

PROGRAM = str(Path(sys.executable).parent / "ovsfleet-agent")


class AgentProcess:
    """Starts and ends the daemon on one state directory; the log is beside it.

    ``ovsdb`` is what the option of that name is given.
    """

    def __init__(
        self, state_dir: Path, host: Namespace, ovsdb: str, controller: ControllerEnd
    ) -> None:
        self.state_dir = state_dir
        self._host = host
        self._ovsdb = ovsdb
        self._controller = controller
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, failpoint: str = "", **environment: str) -> None:
        if failpoint:
            environment["OVSFLEET_AGENT_FAILPOINT"] = failpoint
        with (self.state_dir.parent / "agent.log").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command("run", "--ovsdb", self._ovsdb),
                env=self._environment() | environment,
                stdout=output,
                stderr=output,
            )

    @property
    def started(self) -> bool:
        return self._process is not None

    async def ended(self) -> int:
        """The exit status, once it has ended by itself."""
        assert self._process is not None
        async with asyncio.timeout(DEADLINE_S):
            return await self._process.wait()

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(how)
        return await self.ended()

    def ask(self) -> dict[str, Any]:
        document = introspection.ask(self.state_dir / introspection.SOCKET_NAME)
        assert document is not None, "no agent answers"
        return document

    def writes(self) -> tuple[float, float]:
        """OVSDB transactions and netlink writes since the daemon started."""
        metrics = self.ask()["metrics"]
        return (
            metrics["ovsfleet_agent_ovsdb_transactions"],
            metrics["ovsfleet_agent_netlink_writes"],
        )

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command of the program, in the same namespace and on the same state."""
        return subprocess.run(
            self._command(*arguments),
            env=self._environment() | {"OVSFLEET_AGENT_OVSDB": self._ovsdb},
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_S,
        )

    def log(self) -> str:
        return (self.state_dir.parent / "agent.log").read_text()

    def _command(self, *arguments: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self._host.name, PROGRAM, *arguments)

    def _environment(self) -> dict[str, str]:
        return os.environ | {
            "OVSFLEET_AGENT_STATE_DIR": str(self.state_dir),
            "OVSFLEET_AGENT_LOG_FORMAT": "console",
            "OVSFLEET_AGENT_LOG_LEVEL": "debug",
            "OVSFLEET_AGENT_JOIN_TOKEN": self._controller.join_token(),
        }
