"""Disks that are slow, broken or full, for processes that run: strace(1) injection, small tmpfs.

``tampered`` changes what system calls answer; ``on_small_disk`` runs a command with a directory on
a tmpfs of its own, in a mount namespace of its own, that ``fill`` fills up.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.lab.shell import wait_until

_SMALL_DISK = """
directory=$0 size=$1
shift
mv "$directory" "$directory.seed"
mkdir --mode=755 "$directory"
mount -t tmpfs -o "size=$size,mode=755" tmpfs "$directory"
cp -a "$directory.seed/." "$directory"
exec "$@"
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


def on_small_disk(directory: Path, size: str) -> list[str | Path]:
    """Words of a command that runs the command behind it with ``directory`` on a small disk."""
    unshare = ["unshare", "--mount", "--propagation=private"]
    return [*unshare, "sh", "-euc", _SMALL_DISK, directory, size]


def give_back(directory: Path) -> None:
    """What was there before ``on_small_disk``, once the process has ended."""
    seed = directory.with_name(directory.name + ".seed")
    directory.rmdir()
    seed.rename(directory)


def as_seen_by(pid: int, path: Path) -> Path:
    """The path in the process's mount namespace, from outside of it."""
    return Path(f"/proc/{pid}/root") / path.relative_to("/")


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
