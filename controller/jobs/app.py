"""The Celery application: broker, delivery rules and the schedule of periodic work.

Owns no state. Late acknowledgement and no result backend, because the job row knows how far a job
is. The schedule lives here and not in the database: it changes with the code only.
"""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.schedules import crontab, schedule
from celery.signals import setup_logging

from controller.config import Settings
from controller.jobs.delivery import delivery_settings

SEND_EXPIRED_JOBS = "send_expired_jobs"
SWEEP_LIVENESS = "sweep_liveness"
START_PRUNE_JOBS = "start_prune_jobs"
ROLL_UP_STATISTICS = "roll_up_statistics"
KEEP_PARTITIONS = "keep_partitions"
FORGET_REQUESTS = "forget_requests"
FAN_OUT_WEBHOOKS = "fan_out_webhooks"
DELIVER_WEBHOOK = "deliver_webhook"
FORGET_DRIFT = "forget_drift"
FORGET_OBSERVATIONS = "forget_observations"
FORGET_EVENTS = "forget_events"
PRUNE_WEBHOOKS = "prune_webhooks"
END_MIRRORS = "end_mirrors"
FOLLOW_BINDINGS = "follow_bindings"


_ROLL_UP_S = 30.0
"""A minute is rolled up when it is over: it shows within half a minute."""

_WEBHOOKS_S = 2.0
"""How late a webhook may tell what happened. A look that finds nothing is a few small
queries."""


_MIRRORS_S = 15.0
"""How long a mirror may outlive its time; the shortest time to live is a minute."""

_BINDINGS_S = 15.0
"""How late a bound port follows at most where whoever took the inventory in did not get to it, or
what was refused may be right by now."""


def make_app(settings: Settings) -> Celery:
    """Make the application; the worker adds the tasks (``controller.jobs.tasks.register``)."""
    app = Celery("ovsfleet", set_as_current=False)
    app.conf.update(
        **delivery_settings(settings),
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        # Nothing uses them, and each would be a queue of its own in the broker.
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        timezone="UTC",
        beat_schedule=_schedule(settings),
        beat_schedule_filename=str(settings.data_dir / "beat" / "schedule"),
    )
    setup_logging.connect(_keep_our_logging, weak=False)
    return app


def sweep_interval_s(settings: Settings) -> float:
    """Seconds between two looks for expired leases: within half a lease nobody notices."""
    return min(10.0, settings.job_lease_s / 2)


def _schedule(settings: Settings) -> dict[str, Any]:
    heartbeat_s = settings.heartbeat_interval_ms / 1000
    return {
        SWEEP_LIVENESS: _entry(SWEEP_LIVENESS, schedule(heartbeat_s), heartbeat_s),
        SEND_EXPIRED_JOBS: _entry(
            SEND_EXPIRED_JOBS, schedule(sweep_interval_s(settings)), sweep_interval_s(settings)
        ),
        START_PRUNE_JOBS: _entry(START_PRUNE_JOBS, crontab(minute="7"), 3600),
        ROLL_UP_STATISTICS: _entry(ROLL_UP_STATISTICS, schedule(_ROLL_UP_S), _ROLL_UP_S),
        KEEP_PARTITIONS: _entry(KEEP_PARTITIONS, crontab(minute="*/20"), 1200),
        FORGET_REQUESTS: _entry(FORGET_REQUESTS, crontab(minute="17"), 3600),
        FAN_OUT_WEBHOOKS: _entry(FAN_OUT_WEBHOOKS, schedule(_WEBHOOKS_S), _WEBHOOKS_S),
        PRUNE_WEBHOOKS: _entry(PRUNE_WEBHOOKS, crontab(minute="37"), 3600),
        FORGET_DRIFT: _entry(FORGET_DRIFT, crontab(minute="47"), 3600),
        FORGET_OBSERVATIONS: _entry(FORGET_OBSERVATIONS, crontab(minute="*/5"), 300),
        FORGET_EVENTS: _entry(FORGET_EVENTS, crontab(minute="57"), 3600),
        END_MIRRORS: _entry(END_MIRRORS, schedule(_MIRRORS_S), _MIRRORS_S),
        FOLLOW_BINDINGS: _entry(FOLLOW_BINDINGS, schedule(_BINDINGS_S), _BINDINGS_S),
    }


def _entry(task: str, when: Any, period_s: float) -> dict[str, Any]:
    # RabbitMQ drops what waited until the next one is due. Celery's own ``expires`` would compare
    # the clocks of two machines.
    return {"task": task, "schedule": when, "options": {"expiration": max(period_s, 1.0)}}


def _keep_our_logging(**_: Any) -> None:
    """Do nothing: that there is a receiver keeps Celery from configuring the log itself."""
