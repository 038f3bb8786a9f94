"""A private RabbitMQ on loopback: own node, ports, folder, cookie and port mapper.

Erlang nodes find each other through a port mapper (epmd), which a node starts by itself and leaves
behind. Here it is a child of ours from the start, so that it ends with us and nobody else uses it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import amqp

from controller.jobs.delivery import QUEUE
from tests.support.ports import free_port
from tests.support.tls import ServerCertificate
from tests.support.waiting import eventually

_NOBODY = 65534
_READY_WITHIN_S = 90.0
_SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
_MAPPER = "/usr/bin/epmd"

_CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{port}
listeners.ssl.1 = 127.0.0.1:{tls_port}
ssl_options.certfile = {identity.certificate}
ssl_options.keyfile = {identity.key}
num_acceptors.tcp = 2
log.file.level = warning
disk_free_limit.absolute = 50MB
raft.wal_max_size_bytes = 16777216
"""


class RabbitMQServer:
    """One node that can be ended and started again at the same address."""

    def __init__(self, folder: Path, identity: ServerCertificate) -> None:
        self._folder = folder
        self._port, tls_port = free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}//"
        self.tls_url = f"amqps://guest:guest@127.0.0.1:{tls_port}//"
        self._mapper_port = free_port()
        self._env = self._environment(free_port())
        self._mapper: subprocess.Popen[bytes] | None = None
        self._node: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        _hand_over(folder)
        (folder / "enabled_plugins").write_text("[].\n", encoding="ascii")
        config = _CONFIG.format(port=self._port, tls_port=tls_port, identity=identity)
        (folder / "rabbitmq.conf").write_text(config, encoding="ascii")

    def start(self) -> None:
        """Start it unless it runs; it has nothing from before."""
        if self._node is not None:
            return
        if self._mapper is None:
            port = str(self._mapper_port)
            self._mapper = self._run(_MAPPER, "-port", port, "-address", "127.0.0.1")
        self._node = self._run(_SERVER)
        eventually(self._answers, within=_READY_WITHIN_S, what="RabbitMQ answers")

    def stop(self) -> None:
        """Kill the node and delete whatever it had on disk."""
        if self._node is not None:
            _end(self._node)
            self._node = None
            shutil.rmtree(self._folder / "mnesia")

    def end(self) -> None:
        self.stop()
        if self._mapper is not None:
            _end(self._mapper)

    def wipe(self) -> None:
        """Delete what the controller made, while it is in use."""
        with self._connect() as connection:
            channel = connection.channel()
            channel.queue_delete(QUEUE)
            channel.exchange_delete(QUEUE)

    def _connect(self) -> amqp.Connection:
        connection = amqp.Connection(f"127.0.0.1:{self._port}", connect_timeout=5)
        connection.connect()
        return connection

    def _answers(self) -> bool:
        assert self._node is not None
        assert self._node.poll() is None, "RabbitMQ ended while starting"
        try:
            self._connect().close()
        except (OSError, amqp.AMQPError):
            return False
        return True

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        drop = ("--reuid", str(_NOBODY), "--regid", str(_NOBODY), "--clear-groups")
        with (self._folder / "output").open("ab") as output:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", *(drop if os.geteuid() == 0 else ()), *command],
                env=self._env,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def _environment(self, distribution_port: int) -> dict[str, str]:
        ours: dict[str, Any] = {
            "HOME": self._folder,
            "ERL_EPMD_PORT": self._mapper_port,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"ovsfleet{self._port}@localhost",
            "RABBITMQ_DIST_PORT": distribution_port,
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": self._folder / "rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": self._folder / "enabled_plugins",
            "RABBITMQ_GENERATED_CONFIG_DIR": self._folder / "config",
            "RABBITMQ_MNESIA_BASE": self._folder / "mnesia",
            "RABBITMQ_LOG_BASE": self._folder / "log",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}"
            ),
            # The script then becomes the node, so that its pid is the node's.
            "RUNNING_UNDER_SYSTEMD": "true",
        }
        return {"PATH": os.environ["PATH"]} | {name: str(value) for name, value in ours.items()}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _hand_over(folder: Path) -> None:
    if os.geteuid() == 0:
        os.chown(folder, _NOBODY, _NOBODY)
