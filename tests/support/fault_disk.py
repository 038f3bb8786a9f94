"""Disks that are slow, broken or full, for processes that run: strace(1) injection, small tmpfs.

``tampered`` changes what system calls answer; ``small_disk`` puts a directory on a tmpfs, in a
mount namespace of its own, that ``fill`` fills up.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.lab.shell import run, wait_until

_SMALL_DISK = """
directory=$0
mv "$directory" "$directory.kept"
mkdir --mode=755 "$directory"
mount -t tmpfs -o "size=$1,mode=755" tmpfs "$directory"
cp -a "$directory.kept/." "$directory"
echo ready
exec sleep infinity
"""
_COPIED_BACK = """
find "$0.kept" -mindepth 1 -delete
cp -a "$0/." "$0.kept"
"""


@contextmanager
def tampered(
    pids: Sequence[int], calls: str, injection: str, only: Sequence[Path] = ()
) -> Iterator[None]:
    """The processes, with what they start meanwhile, get ``injection`` on ``calls``, on the files
    ``only`` where there are some. strace lets go of them at the end."""
    attach = [word for pid in pids for word in ("--attach", str(pid))]
    where = [word for path in only for word in ("--trace-path", str(path))]
    words = ["strace", "-f", *attach, *where, f"--trace={calls}", f"--inject={calls}:{injection}"]
    tracer = subprocess.Popen(
        ["setpriv", "--pdeathsig=INT", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until("strace to hold on", lambda: all(map(_is_traced, pids)), 10, 0.01)
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(20)


def _is_traced(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return "TracerPid:\t0" not in status


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A directory on a tmpfs, for those alone that are started ``inside``."""

    holder: int
    """The process that keeps the mount namespace."""
    directory: Path

    @property
    def inside(self) -> list[str | Path]:
        """Words of a command that runs the command behind it there."""
        return ["nsenter", f"--mount=/proc/{self.holder}/ns/mnt"]

    @property
    def seen_from_outside(self) -> Path:
        return Path(f"/proc/{self.holder}/root") / self.directory.relative_to("/")


@contextmanager
def small_disk(directory: Path, size: str) -> Iterator[SmallDisk]:
    """What is in the directory goes to the small disk and back; nobody uses it meanwhile."""
    unshare = ["unshare", "--mount", "--propagation=private"]
    holder = subprocess.Popen(
        ["setpriv", "--pdeathsig=KILL", *unshare, "sh", "-euc", _SMALL_DISK, directory, size],
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        disk = SmallDisk(holder.pid, directory)
        yield disk
        run(*disk.inside, "sh", "-euc", _COPIED_BACK, directory)
    finally:
        holder.kill()
        holder.communicate()
        kept = directory.with_name(directory.name + ".kept")
        directory.rmdir()
        kept.rename(directory)


def fill(directory: Path) -> Path:
    """Leaves not one free block; delete the file to have the space again."""
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            _write_until_full(file.fileno(), size)
    return filler


def _write_until_full(descriptor: int, size: int) -> None:
    block = b"\0" * size
    try:
        while os.write(descriptor, block):
            pass
    except OSError:
        return
