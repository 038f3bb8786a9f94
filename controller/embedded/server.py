"""Runs the embedded PostgreSQL for as long as a block of code needs it (a command, a test).

The long-running controller does the same through its supervisor, which also restarts it.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator

from controller.embedded.cluster import Cluster
from controller.embedded.errors import EmbeddedPostgresError
from controller.embedded.leftovers import end_leftovers

START_DEADLINE_S = 60.0
"""Recovery after a crash replays at most a few checkpoints' worth of log."""

STOP_DEADLINE_S = 20.0
_POLL_S = 0.01


@contextlib.contextmanager
def running(cluster: Cluster) -> Iterator[subprocess.Popen[bytes]]:
    """Serve ``cluster`` (prepared) for the length of the block. Only from the main thread."""
    end_leftovers(cluster.data)
    launch = cluster.launch()
    process = subprocess.Popen(launch.argv, **launch.popen_arguments())
    try:
        _wait_ready(cluster, process)
        yield process
    finally:
        _stop(process)


def _wait_ready(cluster: Cluster, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while not cluster.is_ready(process.pid):
        if process.poll() is not None or time.monotonic() > deadline:
            raise EmbeddedPostgresError(
                f"PostgreSQL did not start (exit code {process.returncode}); its reason is in the "
                "lines above"
            )
        time.sleep(_POLL_S)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.wait()
