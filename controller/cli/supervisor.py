"""Keeps child processes running, in order, and ends them in reverse order.

Owns the processes. A child that dies is started again, at once at first and ever more slowly when
it keeps dying. The kernel ends the children when this process dies (``Launch.death_signal``), which
is bound to the forking thread: everything here runs on the main thread's event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from controller.cli.errors import CommandError
from controller.embedded import EmbeddedPostgresError, Launch
from controller.observability import get_logger

log = get_logger(__name__)

LineReader = Callable[[str], None]

_READY_POLL_S = 0.01
_HEALTHY_AFTER_S = 30.0
_LONGEST_LINE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the n-th start in a row of a child that keeps dying."""

    first_s: float = 0.1
    longest_s: float = 10.0

    def delay(self, deaths: int) -> float:
        return min(self.longest_s, self.first_s * 2.0 ** min(deaths - 1, 16))


@dataclass(frozen=True, slots=True)
class Child:
    """What the supervisor has to know about one process."""

    name: str
    launch: Launch
    stop_signal: signal.Signals = signal.SIGTERM
    kill_signal: signal.Signals = signal.SIGKILL
    """Sent when the child outlives ``stop_deadline_s``."""
    stop_deadline_s: float = 10.0
    before_start: Callable[[], object] | None = None
    """Runs in a thread before every start; it must not start processes."""
    is_ready: Callable[[int], bool] | None = None
    """Asked with the pid until it says yes; None: ready as soon as it runs."""
    ready_deadline_s: float = 60.0
    read_line: LineReader | None = None
    """Takes the child's standard error; None: it writes to ours."""
    backoff: Backoff = field(default_factory=Backoff)


class Supervisor:
    """Starts children one by one and keeps each of them until ``stop``."""

    def __init__(self) -> None:
        self._keepers: list[_Keeper] = []

    async def start(self, child: Child) -> None:
        """Start ``child`` and wait until it is ready; CommandError after its deadline."""
        keeper = _Keeper(child)
        self._keepers.append(keeper)
        await keeper.start()

    async def stop(self) -> None:
        """End all children, the one started last first; a fault with one spares no other."""
        while self._keepers:
            keeper = self._keepers.pop()
            try:
                await keeper.stop()
            except Exception:
                log.exception("Fault in stopping a process", process=keeper.name)


class _Keeper:
    """One child's life: running, waiting to be started again, or stopped."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._process: Process | None = None
        self._stopping = asyncio.Event()
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self._child.name

    async def start(self) -> None:
        self._task = asyncio.create_task(self._keep(), name=f"keep {self._child.name}")
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait(
                {ready, self._task},
                timeout=self._child.ready_deadline_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            ready.cancel()
        if self._task.done():
            self._task.result()
        if not self._ready.is_set():
            raise CommandError(
                f"{self._child.name} was not ready within {self._child.ready_deadline_s:g} s; "
                "its reason is in the lines above"
            )

    async def stop(self) -> None:
        self._stopping.set()
        if self._process is not None and self._process.returncode is None:
            await self._end(self._process)
        if self._task is not None:
            await self._task

    async def _end(self, process: Process) -> None:
        _send(process, self._child.stop_signal)
        try:
            await asyncio.wait_for(process.wait(), self._child.stop_deadline_s)
        except TimeoutError:
            log.warning("Process does not stop, ending it", process=self._child.name)
            _send(process, self._child.kill_signal)
            await process.wait()

    async def _keep(self) -> None:
        deaths = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            code = await self._survive_once()
            if self._stopping.is_set():
                log.info("Process stopped", process=self._child.name, exit_code=code)
                return
            deaths = 1 if time.monotonic() - began > _HEALTHY_AFTER_S else deaths + 1
            delay = self._child.backoff.delay(deaths)
            log.error(
                "Process died, starting it again",
                process=self._child.name,
                exit_code=code,
                delay_s=delay,
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    async def _survive_once(self) -> int | None:
        try:
            return await self._run_once()
        except (OSError, EmbeddedPostgresError) as error:
            reason = str(error)
            log.error("Process cannot be started", process=self._child.name, reason=reason)  # noqa: TRY400 - the reason is enough
            return None
        except Exception:
            # A fault of ours must not leave a child that nobody keeps.
            log.exception("Fault in keeping a process", process=self._child.name)
            if self._process is not None and self._process.returncode is None:
                await self._end(self._process)
            return None

    async def _run_once(self) -> int:
        child = self._child
        if child.before_start is not None:
            await asyncio.to_thread(child.before_start)
        if self._stopping.is_set():
            return 0
        process = await asyncio.create_subprocess_exec(
            *child.launch.argv,
            stderr=asyncio.subprocess.PIPE if child.read_line else None,
            **child.launch.popen_arguments(),
        )
        self._process = process
        log.info("Process started", process=child.name, pid=process.pid)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._report_ready(process))
            tasks.create_task(_relay(process, child.read_line))
            return await process.wait()

    async def _report_ready(self, process: Process) -> None:
        is_ready = self._child.is_ready
        while is_ready is not None and not is_ready(process.pid):
            if process.returncode is not None:
                return
            await asyncio.sleep(_READY_POLL_S)
        self._ready.set()


def _send(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


async def _relay(process: Process, read_line: LineReader | None) -> None:
    if process.stderr is None or read_line is None:
        return
    async for line in _lines(process.stderr):
        read_line(line.decode("utf-8", "replace").rstrip())


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Split at line ends; a line without end, however long, comes in pieces."""
    rest = b""
    while chunk := await stream.read(_LONGEST_LINE):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > _LONGEST_LINE:
            yield rest
            rest = b""
    if rest:
        yield rest
