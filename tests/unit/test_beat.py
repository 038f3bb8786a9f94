"""Beat's scheduler, tick by tick, on the broker of files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from controller.config import Settings
from controller.jobs.app import SWEEP_LIVENESS, make_app
from controller.jobs.beat import Scheduler
from controller.jobs.delivery import QUEUE


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[Scheduler]:
    app = make_app(Settings(data_dir=tmp_path))
    scheduler = Scheduler(app=app, schedule_filename=str(tmp_path / "schedule"))
    yield scheduler
    scheduler.close()


def send(scheduler: Scheduler, times: int) -> None:
    for _ in range(times):
        scheduler.apply_entry(scheduler.schedule[SWEEP_LIVENESS], scheduler.producer)


def waiting(folder: Path) -> int:
    return len(list((folder / "broker" / QUEUE).iterdir()))


def test_messages_that_nobody_reads_do_not_fill_the_broker(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    send(scheduler, 150)
    full = waiting(tmp_path)
    for message in list((tmp_path / "broker" / QUEUE).iterdir())[:30]:
        message.unlink()
    send(scheduler, 10)
    assert (full, waiting(tmp_path)) == (100, 80)


def test_beat_survives_a_broker_that_it_may_not_use(
    scheduler: Scheduler, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broker").write_text("in the way")
    send(scheduler, 3)
    (tmp_path / "broker").unlink()
    send(scheduler, 2)
    said = capsys.readouterr().out
    assert said.count("Broker cannot be used") == 1
    assert said.count("Broker can be used again") == 1
    assert waiting(tmp_path) == 2


def test_beat_goes_on_when_the_clock_is_set_back(scheduler: Scheduler, tmp_path: Path) -> None:
    for entry in scheduler.schedule.values():
        entry.last_run_at += timedelta(hours=1)
    scheduler.populate_heap()
    soon = scheduler.tick()
    assert 0 < soon <= 1.0
    for entry in scheduler.schedule.values():
        entry.last_run_at -= timedelta(seconds=2)
    scheduler.populate_heap()
    assert scheduler.tick() == 0
    assert waiting(tmp_path) == 1


_ASKED_TO_END_WHILE_SENDING = """
import os, signal
from controller.config import Settings
from controller.jobs import beat

class Scheduler(beat.Scheduler):
    def apply_entry(self, entry, producer):
        os.kill(os.getpid(), signal.SIGTERM)
        super().apply_entry(entry, producer)

beat.Scheduler = Scheduler
beat.run_beat(Settings())
"""


def test_beat_ends_when_the_message_that_it_sends_is_out(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ASKED_TO_END_WHILE_SENDING],
        env=os.environ | {"OVSFLEET_DATA_DIR": str(tmp_path)},
        timeout=60,
        check=False,
    )
    assert (done.returncode, waiting(tmp_path)) == (0, 1)
