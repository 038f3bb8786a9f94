"""Network namespaces for tests: each with a name of its own, gone afterwards with all in it.

The agent runs inside the namespace that it manages. A test process cannot move there as a whole,
but a thread can: :meth:`Namespace.run` gives a coroutine a thread, in the namespace, with an event
loop of its own. Sockets and threads that are made there are of that namespace.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agent.netlink.netns import enter

T = TypeVar("T")

_numbers = itertools.count()


def unique_name(word: str = "t") -> str:
    """A name that no other test process on this machine uses, short enough for a device."""
    return f"of{os.getpid()}{word}{next(_numbers)}"


@dataclass(frozen=True)
class Namespace:
    name: str

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine function in an event loop inside this namespace, and wait for it."""

        def body() -> T:
            enter(self.name)
            return asyncio.run(_awaited(work))

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(body).result()

    def exec(self, *command: str) -> str:
        return _run("ip", "netns", "exec", self.name, *command)

    def ip(self, *arguments: str) -> str:
        return _run("ip", "-n", self.name, *arguments)

    def sibling(self, tool: str, *arguments: str) -> str:
        """Run tc(8) or bridge(8), which find their way in by themselves, as ip(8) does."""
        return _run(tool, "-n", self.name, *arguments)

    def ip_json(self, *arguments: str) -> list[dict[str, Any]]:
        return list(json.loads(_run("ip", "-n", self.name, "-d", "-j", *arguments) or "[]"))


async def _awaited(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr or done.stdout}"
    return done.stdout


@contextmanager
def namespace(name: str | None = None) -> Iterator[Namespace]:
    made = Namespace(name or unique_name())
    _run("ip", "netns", "add", made.name)
    try:
        made.ip("link", "set", "lo", "up")
        yield made
    finally:
        if Path("/run/netns", made.name).exists():
            _run("ip", "netns", "delete", made.name)


@pytest.fixture
def netns() -> Iterator[Namespace]:
    """A namespace that plays the host."""
    with namespace() as made:
        yield made


@pytest.fixture
def workload_netns() -> Iterator[Namespace]:
    """A second namespace, for the workload's end of a veth pair."""
    with namespace(unique_name("w")) as made:
        yield made
