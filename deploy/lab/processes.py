"""The lab's own processes, on record, so that a later run can end what an earlier one left behind.

A pid alone is not an identity: it is reused. The record therefore holds the start time as
/proc/PID/stat tells it (field 22, proc(5)), and nothing is signalled unless both still match.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.lab.shell import LabError, wait_until


def start_time(pid: int) -> int | None:
    """Clock ticks between boot and the process's start, or None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


@dataclass(frozen=True, slots=True)
class Process:
    """A process that the lab started."""

    name: str
    pid: int
    started: int

    def is_alive(self) -> bool:
        return start_time(self.pid) == self.started

    def signal(self, number: signal.Signals) -> None:
        if self.is_alive():
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it as a power cut would (SIGKILL) and waits until it is gone."""
        self.signal(signal.SIGKILL)
        wait_until(f"{self.name} to be gone", lambda: not self.is_alive(), 10, 0.01)

    def stop(self, deadline: float = 15) -> None:
        """Asks it to end (SIGTERM); kills it when it does not."""
        self.signal(signal.SIGTERM)
        try:
            wait_until(f"{self.name} to stop", lambda: not self.is_alive(), deadline, 0.02)
        except LabError:
            self.kill()


class ProcessTable:
    """Processes by name, kept in a JSON file that is rewritten at every change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._processes: dict[str, Process] = {}
        self._children: list[subprocess.Popen[bytes]] = []
        if path.exists():
            rows = json.loads(path.read_text() or "[]")
            self._processes = {row["name"]: Process(**row) for row in rows}

    def get(self, name: str) -> Process:
        return self._processes[name]

    def alive(self) -> list[Process]:
        return [process for process in self._processes.values() if process.is_alive()]

    def start(
        self, name: str, argv: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None
    ) -> Process:
        """Starts a process in a session of its own, so that Ctrl-C reaches the lab alone."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            child = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        self._children.append(child)
        return self._record(name, child.pid)

    def adopt(self, name: str, pidfile: Path) -> Process:
        """Puts a daemon that detached itself on record, from its pid file."""
        return self._record(name, int(pidfile.read_text()))

    def stop(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is not None:
            process.stop()
        self._write()

    def stop_all(self) -> None:
        """Ends everything, the youngest first."""
        for name in list(reversed(self._processes)):
            self.stop(name)
        for child in self._children:
            child.wait(timeout=10)
        self._children.clear()

    def _record(self, name: str, pid: int) -> Process:
        started = start_time(pid)
        if started is None:
            raise LabError(f"{name} ended at once")
        self._processes.pop(name, None)
        self._processes[name] = Process(name, pid, started)
        self._write()
        return self._processes[name]

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        rows = [
            {"name": p.name, "pid": p.pid, "started": p.started} for p in self._processes.values()
        ]
        scratch = self._path.with_suffix(".tmp")
        scratch.write_text(json.dumps(rows, indent=1))
        scratch.replace(self._path)
