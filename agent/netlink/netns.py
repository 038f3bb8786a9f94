"""Sockets in other network namespaces.

A thread, not a process, is in a network namespace. Entering one is therefore left to threads that
end right afterwards: a socket stays in the namespace where it was made, whoever uses it later. The
thread of the event loop never moves.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import TypeVar

T = TypeVar("T")

RUN_DIR = Path("/run/netns")
"""Where ip-netns(8) mounts the namespaces that have a name."""

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class NamespaceMissingError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(f"network namespace {name} does not exist; create it: ip netns add {name}")
        self.name = name


def existing() -> frozenset[str]:
    """The names under /run/netns that lead to a namespace."""
    try:
        return frozenset(entry.name for entry in RUN_DIR.iterdir() if _leads_to_namespace(entry))
    except FileNotFoundError:
        return frozenset()


def _leads_to_namespace(entry: Path) -> bool:
    try:
        return _is_namespace(entry.stat())
    except OSError:
        return False


def _is_namespace(status: os.stat_result) -> bool:
    """Not so for the plain file that remains where a namespace is mounted no longer."""
    return status.st_dev == Path("/proc/self/ns/net").stat().st_dev


def open_fd(name: str) -> int:
    """A descriptor of the named namespace, for the caller to close."""
    try:
        descriptor = os.open(RUN_DIR / name, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NamespaceMissingError(name) from error
    if not _is_namespace(os.fstat(descriptor)):
        os.close(descriptor)
        raise NamespaceMissingError(name)
    return descriptor


def enter(name: str) -> None:
    """Move the calling thread into the named namespace, for the rest of its life."""
    descriptor = open_fd(name)
    try:
        if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
            code = ctypes.get_errno()
            raise OSError(code, f"setns {name}: {os.strerror(code)}")
    finally:
        os.close(descriptor)


def call_in(name: str | None, work: Callable[[], T]) -> T:
    """Call ``work`` in a short-lived thread inside the namespace; None is here, and no thread."""
    if name is None:
        return work()
    answers: list[T] = []
    faults: list[BaseException] = []

    def body() -> None:
        try:
            enter(name)
            answers.append(work())
        except BaseException as fault:  # noqa: BLE001 - handed to the caller below
            faults.append(fault)

    thread = Thread(target=body, name=f"netns-{name}")
    thread.start()
    thread.join()
    if faults:
        raise faults[0]
    return answers[0]
