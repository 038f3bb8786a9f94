"""A private Redis on loopback: own ports and folder, nothing kept, gone with the tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

import redis

from tests.support.ports import free_port
from tests.support.tls import ServerCertificate
from tests.support.waiting import eventually

_READY_WITHIN_S = 30.0


class RedisServer:
    """One server that can be ended and started again at the same address, empty."""

    def __init__(self, folder: Path, identity: ServerCertificate) -> None:
        folder.mkdir()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        port, tls_port = free_port(), free_port()
        self.url = f"redis://127.0.0.1:{port}/0"
        self.tls_url = f"rediss://127.0.0.1:{tls_port}/0"
        self._options: dict[str, object] = {
            "bind": "127.0.0.1",
            "port": port,
            "save": "",
            "tls-port": tls_port,
            "tls-auth-clients": "no",
            "tls-cert-file": identity.certificate,
            "tls-key-file": identity.key,
        }

    def start(self) -> None:
        """Start it unless it runs."""
        if self._process is not None:
            return
        options = [word for name, value in self._options.items() for word in (f"--{name}", value)]
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", "redis-server", *map(str, options)],
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
