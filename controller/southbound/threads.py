"""The bridge from the event loop to blocking code: a few threads, so that no call starves another.

Owns the threads. The services are synchronous and wait for the database; the loop must never.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from controller.store.engine import Database

_P = ParamSpec("_P")
_T = TypeVar("_T")

WORKERS = 4
"""Enough that a slow statement holds up nobody else; each has a connection of southbound's pool."""


class Threads:
    def __init__(self, db: Database, workers: int = WORKERS) -> None:
        self._db = db
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="southbound")

    async def run(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run a blocking or CPU-bound function."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(function, *args, **kwargs))

    async def call(
        self,
        service: Callable[Concatenate[Database, _P], _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Run a service, which takes the database first."""
        return await self.run(partial(service, self._db), *args, **kwargs)

    async def close(self, *, patience_s: float) -> None:
        """Let calls in flight end, but wait no longer than this for a database that hangs."""
        ended = asyncio.get_running_loop().run_in_executor(
            None, partial(self._pool.shutdown, wait=True, cancel_futures=True)
        )
        await asyncio.wait([ended], timeout=patience_s)
