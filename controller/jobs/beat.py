"""The beat role: sends the messages of periodic work when they are due. Needs no database.

While the broker is away nothing is sent and nothing is saved up: the next message does what the
lost ones would have done.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any, NoReturn

from celery.apps.beat import Beat
from celery.beat import PersistentScheduler, SchedulingError, Service
from kombu import Connection, Producer

from controller.config import Settings
from controller.jobs.app import make_app
from controller.jobs.delivery import faults, say_away, say_back, waiting

_ENOUGH_WAITING = 100
"""With so many messages waiting, nobody is working: more of them would only fill the broker."""
_LAST_WORD_S = 5.0
"""How long a message that is being sent may take when the process is asked to end."""


class Scheduler(PersistentScheduler):
    """Celery's scheduler, for a broker that may be away and for workers that may be."""

    is_sending = False
    is_over = False
    _said_away: float | None = None

    def tick(self, *args: Any, **more: Any) -> float:
        self._forget_the_future()
        self.is_sending = True
        try:
            pause = float(super().tick(*args, **more))
        finally:
            self.is_sending = False
        return 0.0 if self.is_over else pause

    def _forget_the_future(self) -> None:
        """Celery counts from the time of the last message: where the clock was set back, or was
        ahead when beat ended, nothing would be sent until it is that late again."""
        ahead = [each for each in self.schedule.values() if each.last_run_at > each.default_now()]
        for entry in ahead:
            entry.last_run_at = entry.default_now()
        if ahead:
            self._heap = None  # Celery makes it anew.

    @property
    def producer(self) -> Producer:
        # Celery's would not return before the broker is there, and says so in every attempt.
        return self.Producer(self.connection, auto_declare=False)

    def apply_entry(self, entry: Any, producer: Producer) -> None:
        """Send one message if the broker is there and somebody reads what is in it."""
        connection: Connection = self.connection
        try:
            if waiting(self.app, producer.channel) < _ENOUGH_WAITING:
                self.apply_async(entry, producer=producer, advance=False)
        except (SchedulingError, *faults(connection)) as error:
            connection.collect()
            self._said_away = say_away(connection, error.__cause__ or error, self._said_away)
        else:
            if self._said_away is not None:
                say_back(connection)
            self._said_away = None


class _Beat(Beat):
    """Ends between two messages. Celery's closes its schedule and raises wherever it is: in half a
    frame of a broker's, of whose rest nobody hears any more, it then waits without end."""

    def install_sync_handler(self, service: Service) -> None:
        def stop(*_: Any) -> None:
            service.stop()
            service.scheduler.is_over = True
            if not service.scheduler.is_sending:
                raise SystemExit
            signal.signal(signal.SIGALRM, _end)
            signal.setitimer(signal.ITIMER_REAL, _LAST_WORD_S)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)


def _end(*_: Any) -> NoReturn:
    raise SystemExit


def run_beat(settings: Settings) -> None:
    """Send until SIGTERM, which ends the process with code 0."""
    app = make_app(settings)
    schedule = Path(app.conf.beat_schedule_filename)
    schedule.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _Beat(app=app, scheduler_cls=Scheduler, quiet=True, schedule=str(schedule)).run()
