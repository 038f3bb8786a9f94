"""A private Redis on loopback: its own port, its own folder, nothing kept, gone with the tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

import redis

from tests.support.ports import free_port
from tests.support.waiting import eventually

_READY_WITHIN_S = 30.0


class RedisServer:
    """One server that can be ended and started again at the same address, empty."""

    def __init__(self, folder: Path, *options: str) -> None:
        folder.mkdir()
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it unless it runs."""
        if self._process is not None:
            return
        options = ("--bind", "127.0.0.1", "--port", str(self.port), "--save", "", *self._options)
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", "redis-server", *options],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        eventually(self._answers, within=_READY_WITHIN_S, what="Redis answers")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def wipe(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.url) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False
