"""``run --role all``: which processes make up a controller, and how each of them is run."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from controller.cli.errors import CommandError
from controller.cli.supervisor import Child, Supervisor
from controller.config import Settings
from controller.embedded import START_DEADLINE_S, Cluster, Launch, end_leftovers, make_data_dir
from controller.observability import get_logger

log = get_logger(__name__)

_POSTGRES_LINE = re.compile(r"(?P<severity>[A-Z]+):\s+(?P<text>.*)")
_POSTGRES_LEVELS = {"WARNING": "warning", "ERROR": "warning", "FATAL": "error", "PANIC": "error"}


def run_all(settings: Settings) -> None:
    """Run the whole controller until SIGTERM or SIGINT."""
    with _exclusive(settings.data_dir):
        cluster = None
        if settings.database_url is None:
            cluster = Cluster(settings.data_dir, settings.postgres_bin_dir)
            cluster.prepare()
        asyncio.run(_supervise(cluster))


async def _supervise(cluster: Cluster | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    supervisor = Supervisor()
    starting = asyncio.create_task(_start(supervisor, cluster))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await stopping
    finally:
        starting.cancel()
        stopping.cancel()
        await asyncio.wait({starting, stopping})
        log.info("Stopping")
        await supervisor.stop()


async def _start(supervisor: Supervisor, cluster: Cluster | None) -> None:
    environment = dict(os.environ)
    if cluster is not None:
        await supervisor.start(_postgres(cluster))
        environment["OVSFLEET_DATABASE_URL"] = cluster.url
    # The roles wait for the schema by themselves: meanwhile they load their code.
    for child in _roles(environment):
        await supervisor.start(child)
    await _migrate(environment)


def _postgres(cluster: Cluster) -> Child:
    return Child(
        name="postgres",
        launch=cluster.launch(),
        # Fast shutdown: sessions are ended, the log is checkpointed. Immediate if that hangs.
        stop_signal=signal.SIGINT,
        kill_signal=signal.SIGQUIT,
        stop_deadline_s=20,
        before_start=lambda: end_leftovers(cluster.data),
        is_ready=cluster.is_ready,
        ready_deadline_s=START_DEADLINE_S,
        read_line=_log_postgres,
    )


def _roles(environment: Mapping[str, str]) -> Iterator[Child]:
    # Background work yields the processor to requests and agents, most of all while starting.
    for role, niceness in (("server", 0), ("worker", 5), ("beat", 5)):
        launch = _own_command(environment, "run", "--role", role, niceness=niceness)
        yield Child(name=role, launch=launch)


def _own_command(environment: Mapping[str, str], *arguments: str, niceness: int = 0) -> Launch:
    argv = (sys.executable, "-P", "-m", "controller.cli", *arguments)
    return Launch(argv=argv, env=environment, niceness=niceness)


async def _migrate(environment: Mapping[str, str]) -> None:
    launch = _own_command(environment, "migrate")
    process = await asyncio.create_subprocess_exec(*launch.argv, **launch.popen_arguments())
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if code != 0:
        raise CommandError("the database could not be migrated; the reason is in the lines above")


def _log_postgres(line: str) -> None:
    match = _POSTGRES_LINE.match(line)
    severity, text = (match["severity"], match["text"]) if match else ("LOG", line.strip())
    level = _POSTGRES_LEVELS.get(severity, "info")
    getattr(log, level)("PostgreSQL says", process="postgres", severity=severity, text=text)


@contextmanager
def _exclusive(data_dir: Path) -> Iterator[None]:
    """Hold the data folder. The kernel drops the lock with the process, however it ends."""
    make_data_dir(data_dir)
    with (data_dir / "controller.lock").open("a", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(
                f"another controller runs in {data_dir}: stop it, or set OVSFLEET_DATA_DIR"
            ) from error
        yield
