"""The beat role: sends the messages of periodic work when they are due. Needs no database."""

from __future__ import annotations

from pathlib import Path

from controller.config import Settings
from controller.jobs.app import make_app


def run_beat(settings: Settings) -> None:
    """Send until SIGTERM, which ends the process with code 0."""
    app = make_app(settings)
    schedule = Path(app.conf.beat_schedule_filename)
    schedule.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    app.Beat(quiet=True, schedule=str(schedule)).run()
