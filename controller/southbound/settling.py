"""What hosts report may be what a change of VTEP waits for: looks soon after, and holds up nobody.

To take a step is to write intent, which waits its turn behind whoever writes much of it. So this
is a task of its own, with one thread at most, and reports go on being written meanwhile.
"""

from __future__ import annotations

import asyncio

from controller.domain.errors import UnavailableError
from controller.observability import get_logger
from controller.services import vteps
from controller.southbound.threads import Threads

log = get_logger(__name__)

_PAUSE_S = 1.0
"""Between two looks, however many hosts report."""


class VtepSettler:
    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Some host reported. What comes while it looks is looked at after the pause."""
        self._wake.set()

    async def run(self) -> None:
        """Settle until cancelled. What fails is tried after the next report."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                if settled := await self._threads.call(vteps.settle):
                    log.info("Changes of VTEP went one step on", hosts=settled)
                    # Hosts to which the step makes no difference confirm it without a report.
                    self._wake.set()
            except UnavailableError as error:
                log.warning("Changes of VTEP wait for the database", why=error.detail)
            except Exception:
                log.exception("Fault in a change of VTEP")
            await asyncio.sleep(_PAUSE_S)
