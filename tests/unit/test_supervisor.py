"""The supervisor, on real processes: restarts, order, deadlines, and death of the supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from controller.cli.errors import CommandError
from controller.cli.supervisor import Backoff, Child, Supervisor
from controller.embedded import Launch
from tests.support.waiting import await_exit, eventually

DEADLINE_S = 60.0


def shell(name: str, script: str, **facts: object) -> Child:
    launch = Launch(argv=("/bin/sh", "-c", script), env={"PATH": os.defpath})
    return Child(name=name, launch=launch, **facts)  # type: ignore[arg-type]


async def lines_of(file: Path, count: int) -> list[str]:
    def enough() -> list[str]:
        lines = file.read_text().splitlines() if file.exists() else []
        return lines if len(lines) >= count else []

    return await asyncio.to_thread(
        eventually, enough, within=DEADLINE_S, what=f"{count} lines in {file.name}"
    )


async def test_a_child_that_dies_is_started_again(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    supervisor = Supervisor()
    await supervisor.start(
        shell("mortal", f"echo $$ >> {starts}; exit 3", backoff=Backoff(first_s=0.01))
    )
    pids = await lines_of(starts, 4)
    await supervisor.stop()
    assert len(set(pids)) == len(pids)


def test_the_wait_before_a_restart_doubles_up_to_a_limit() -> None:
    backoff = Backoff(first_s=0.1, longest_s=1.0)
    assert [backoff.delay(n) for n in (1, 2, 3, 4, 5, 1000)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


async def test_children_end_in_the_reverse_order_of_their_start(tmp_path: Path) -> None:
    ends, ready = tmp_path / "ends", tmp_path / "ready"
    supervisor = Supervisor()
    for number, name in enumerate(("first", "second", "third"), start=1):
        script = (
            f"trap 'echo {name} >> {ends}; kill $!; exit 0' TERM; echo {name} >> {ready};"
            "while :; do sleep 60 & wait $!; done"
        )
        await supervisor.start(shell(name, script))
        await lines_of(ready, number)
    await supervisor.stop()
    assert ends.read_text().split() == ["third", "second", "first"]


async def test_a_child_that_ignores_its_stop_signal_is_killed_at_its_deadline(
    tmp_path: Path,
) -> None:
    ready = tmp_path / "ready"
    supervisor = Supervisor()
    await supervisor.start(
        shell(
            "stubborn",
            f"trap '' TERM; echo $$ > {ready}; exec sleep 60",
            stop_deadline_s=0.2,
        )
    )
    (pid,) = await lines_of(ready, 1)
    await supervisor.stop()
    await_exit(int(pid), within=0)


async def test_a_child_that_never_gets_ready_is_reported_by_name() -> None:
    supervisor = Supervisor()
    child = shell("mute", "exec sleep 60", is_ready=lambda _: False, ready_deadline_s=0.2)
    with pytest.raises(CommandError, match=r"mute was not ready within 0\.2 s"):
        await supervisor.start(child)
    await supervisor.stop()


async def test_a_fault_in_keeping_a_child_ends_that_child_and_starts_another(
    tmp_path: Path,
) -> None:
    starts, asked = tmp_path / "starts", []

    def is_ready(pid: int) -> bool:
        asked.append(pid)
        if len(asked) == 1:
            raise ValueError("a fault of ours")
        return True

    supervisor = Supervisor()
    script = f"echo $$ >> {starts}; exec sleep 60"
    await supervisor.start(shell("asked", script, is_ready=is_ready, backoff=Backoff(first_s=0.01)))
    first, second = asked
    await_exit(first, within=0)
    os.kill(second, 0)
    await supervisor.stop()
    await_exit(second, within=0)


class FaultyBackoff(Backoff):
    def delay(self, deaths: int) -> float:
        raise ValueError(f"a fault of ours after {deaths} deaths")


async def test_a_keeper_that_failed_keeps_no_other_child_from_being_stopped(
    tmp_path: Path,
) -> None:
    ready, end = tmp_path / "ready", tmp_path / "end"
    supervisor = Supervisor()
    await supervisor.start(shell("lasting", f"echo $$ > {ready}; exec sleep 60"))
    (pid,) = await lines_of(ready, 1)
    failed = asyncio.Event()
    await supervisor.start(
        shell(
            "failing",
            f"while [ ! -e {end} ]; do sleep 0.01; done",
            backoff=FaultyBackoff(),
        )
    )
    (keeper,) = (task for task in asyncio.all_tasks() if task.get_name() == "keep failing")
    keeper.add_done_callback(lambda _: failed.set())
    end.touch()
    await asyncio.wait_for(failed.wait(), DEADLINE_S)
    await supervisor.stop()
    await_exit(int(pid), within=0)


async def test_what_a_child_complains_of_is_read_line_by_line() -> None:
    said: list[str] = []
    heard = asyncio.Event()

    def read_line(line: str) -> None:
        said.append(line)
        if len(said) == 2:
            heard.set()

    supervisor = Supervisor()
    await supervisor.start(
        shell("talker", "echo one >&2; echo two >&2; exec sleep 60", read_line=read_line)
    )
    await asyncio.wait_for(heard.wait(), DEADLINE_S)
    await supervisor.stop()
    assert said[:2] == ["one", "two"]


async def test_a_line_longer_than_any_buffer_does_not_end_the_child(tmp_path: Path) -> None:
    said: list[str] = []
    ready = tmp_path / "ready"
    supervisor = Supervisor()
    await supervisor.start(
        shell(
            "talker",
            f"head -c 300000 /dev/zero | tr '\\0' x >&2; echo end >&2; echo $$ > {ready};"
            "exec sleep 60",
            read_line=said.append,
        )
    )
    await lines_of(ready, 1)
    await supervisor.stop()
    assert "".join(said) == "x" * 300000 + "end"


async def test_a_program_that_is_missing_is_tried_again_and_does_not_end_the_supervisor(
    tmp_path: Path,
) -> None:
    program, ready = tmp_path / "program", tmp_path / "ready"
    supervisor = Supervisor()
    child = Child("late", Launch((str(program),), {"PATH": os.defpath}))
    starting = asyncio.create_task(supervisor.start(child))
    await asyncio.sleep(0)
    program.with_suffix(".new").write_text(f"#!/bin/sh\necho $$ > {ready}\nexec sleep 60\n")
    program.with_suffix(".new").chmod(0o755)
    program.with_suffix(".new").rename(program)
    await starting
    await lines_of(ready, 1)
    await supervisor.stop()


SUPERVISING = """
import asyncio, os
from controller.cli.supervisor import Child, Supervisor
from controller.embedded import Launch
from controller.observability import configure_logging

async def main():
    launch = Launch(("/bin/sh", "-c", "echo $$; exec sleep 600"), {"PATH": os.defpath})
    await Supervisor().start(Child("sleeper", launch))
    await asyncio.Event().wait()

configure_logging("error", "json", "test")  # standard output is the child's alone
asyncio.run(main())
"""


def test_children_die_with_a_supervisor_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISING], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as supervisor:
        assert supervisor.stdout is not None
        child = int(supervisor.stdout.readline())
        supervisor.send_signal(signal.SIGKILL)
    await_exit(child, within=DEADLINE_S)
