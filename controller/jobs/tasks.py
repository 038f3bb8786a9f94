"""The tasks: each is a few lines around one service call.

What is harmless to repeat (a sweep) is done at once; what should happen once has a row, and its
kind is in ``HANDLERS``. A handler may still run twice (a worker outlives its lease, or dies after
its effect), so handlers are idempotent; the attempt number decides whose result counts.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from celery import Celery

from controller.config import Settings
from controller.domain.errors import UnavailableError
from controller.jobs import app as names
from controller.jobs.delivery import RUN_JOB, send_job, send_soon
from controller.jobs.webhooks import Lanes
from controller.observability import get_logger
from controller.services import (
    bindings,
    decommissioning,
    drift,
    events,
    jobs,
    mirrors,
    observations,
    requests,
    statistics_upkeep,
    status,
    vteps,
    webhook_deliveries,
    webhook_events,
)
from controller.store.engine import Database

log = get_logger(__name__)

Handler = Callable[[Database, Mapping[str, Any]], None]

_JOBS_ARE_KEPT = timedelta(days=7)
_ANSWERS_ARE_KEPT = timedelta(days=1)
_MESSAGES_ARE_KEPT = timedelta(days=7)


def prune_jobs(db: Database, args: Mapping[str, Any]) -> None:
    """Forget finished jobs that nobody will ask about any more."""
    pruned = jobs.prune(db, before=datetime.fromisoformat(args["before"]))
    log.info("Finished jobs pruned", count=pruned)


HANDLERS: Mapping[str, Handler] = {"prune_jobs": prune_jobs}
"""What each kind of job does."""


@dataclass(frozen=True, slots=True)
class Work:
    """The tasks' bodies, with what they need."""

    app: Celery
    db: Database
    settings: Settings
    lanes: Lanes

    def run_job(self, job_id: str) -> None:
        now = datetime.now(UTC)
        lease = timedelta(seconds=self.settings.job_lease_s)
        job = jobs.claim(self.db, UUID(job_id), worker=_worker_name(), lease=lease, now=now)
        if job is None:
            return
        error = self._handle(job)
        counts = jobs.finish(self.db, job, error=error, now=datetime.now(UTC))
        log.info(
            "Job finished",
            job=job_id,
            kind=job.kind,
            attempt=job.attempt,
            error=error,
            superseded=not counts,
        )

    def send_expired_jobs(self) -> None:
        for job_id in jobs.expired(self.db, now=datetime.now(UTC)):
            log.warning("Sending a job again", job=str(job_id))
            send_job(self.app, job_id)

    def sweep_liveness(self) -> None:
        silence = timedelta(seconds=self.settings.silence_s)
        changed = status.sweep_liveness(self.db, now=datetime.now(UTC), silence=silence)
        if changed:
            log.warning("Hosts went silent", count=changed)

        try:
            self.settle_vteps()
        finally:
            self.remove_hosts()

    def remove_hosts(self) -> None:
        if removed := decommissioning.settle(self.db, now=datetime.now(UTC)):
            log.info("Hosts that were decommissioned are removed", hosts=removed)

    def settle_vteps(self) -> None:
        if settled := vteps.settle(self.db):
            log.info("Changes of VTEP went one step on", hosts=settled)

    def start_prune_jobs(self) -> None:
        now = datetime.now(UTC)
        args = {"before": (now - _JOBS_ARE_KEPT).isoformat()}
        # One per hour, however many controllers run a beat.
        key = f"prune_jobs {now:%Y-%m-%dT%H}"
        job_id = jobs.enqueue(self.db, "prune_jobs", args, idempotency_key=key, now=now)
        if job_id is not None:
            send_job(self.app, job_id)

    def roll_up_statistics(self) -> None:
        statistics_upkeep.roll_up(self.db, now=datetime.now(UTC))

    def keep_partitions(self) -> None:
        """Forget only after rolling up, so that nothing is forgotten that still counts; but a
        failure to roll up fills no disk."""
        now = datetime.now(UTC)
        statistics_upkeep.make_partitions_ahead(self.db, now=now)
        try:
            statistics_upkeep.roll_up(self.db, now=now)
        finally:
            dropped = statistics_upkeep.drop_partitions(self.db, now=now)
            forgotten = statistics_upkeep.forget(self.db, now=now)
            if dropped or forgotten:
                log.info("Old statistics dropped", partitions=dropped, subjects=forgotten)

    def fan_out_webhooks(self) -> None:
        """Also sends again for whatever was not worked on: there is no other memory of it."""
        now = datetime.now(UTC)
        webhook_events.fan_out(self.db, now=now)
        for webhook in webhook_deliveries.due(self.db, now=now):
            send_soon(self.app, names.DELIVER_WEBHOOK, webhook)

    def deliver_webhook(self, webhook: str) -> None:
        self.lanes.deliver(UUID(webhook))

    def prune_webhooks(self) -> None:
        now = datetime.now(UTC)
        given_up = webhook_deliveries.give_up(self.db, now=now)
        if given_up:
            log.warning("Webhook messages given up that waited too long", count=given_up)
        pruned = webhook_deliveries.prune(self.db, before=now - _MESSAGES_ARE_KEPT)
        if pruned:
            log.info("Old webhook messages pruned", count=pruned)

    def forget_requests(self) -> None:
        forgotten = requests.forget(self.db, before=datetime.now(UTC) - _ANSWERS_ARE_KEPT)
        if forgotten:
            log.info("Answers to old requests forgotten", count=forgotten)

    def forget_drift(self) -> None:
        forgotten = drift.forget(self.db, now=datetime.now(UTC))
        if forgotten:
            log.info("Old drift of hosts forgotten", count=forgotten)

    def forget_observations(self) -> None:
        observations.forget(self.db)

    def forget_events(self) -> None:
        kept = timedelta(days=self.settings.event_retention_days)
        forgotten = events.forget(self.db, before=datetime.now(UTC) - kept)
        if forgotten:
            log.info("Old events forgotten", count=forgotten)

    def end_mirrors(self) -> None:
        ended = mirrors.end_due(self.db, now=datetime.now(UTC))
        if ended:
            log.info("Mirrors taken away whose time was over", mirrors=ended)

    def follow_bindings(self) -> None:
        tried = bindings.catch_up(self.db)
        if tried:
            log.info("Bound ports followed their interfaces", ports=tried)

    def _handle(self, job: jobs.Job) -> str | None:
        handler = HANDLERS.get(job.kind)
        if handler is None:
            return f"this version knows no job of kind {job.kind}"
        try:
            handler(self.db, job.args)
        except UnavailableError:
            # Not the job's fault: its lease runs out and it is sent again.
            raise
        except Exception as error:
            log.exception("Job failed", job=str(job.id), kind=job.kind)
            return f"{type(error).__name__}: {error}"
        return None


def register(app: Celery, db: Database, settings: Settings) -> None:
    """Add the tasks to ``app``."""
    work = Work(app, db, settings, Lanes(db, settings.webhook_allow_loopback))
    bodies: dict[str, Callable[..., None]] = {
        RUN_JOB: work.run_job,
        names.SEND_EXPIRED_JOBS: work.send_expired_jobs,
        names.SWEEP_LIVENESS: work.sweep_liveness,
        names.START_PRUNE_JOBS: work.start_prune_jobs,
        names.ROLL_UP_STATISTICS: work.roll_up_statistics,
        names.KEEP_PARTITIONS: work.keep_partitions,
        names.FORGET_REQUESTS: work.forget_requests,
        names.FAN_OUT_WEBHOOKS: work.fan_out_webhooks,
        names.DELIVER_WEBHOOK: work.deliver_webhook,
        names.PRUNE_WEBHOOKS: work.prune_webhooks,
        names.FORGET_DRIFT: work.forget_drift,
        names.FORGET_OBSERVATIONS: work.forget_observations,
        names.FORGET_EVENTS: work.forget_events,
        names.END_MIRRORS: work.end_mirrors,
        names.FOLLOW_BINDINGS: work.follow_bindings,
    }
    for name, body in bodies.items():
        app.task(_survive_outages(body), name=name)


def _survive_outages(body: Callable[..., None]) -> Callable[..., None]:
    def task(*args: str) -> None:
        try:
            body(*args)
        except UnavailableError as error:
            # The next sweep does what this one could not; there is nothing to report twice.
            log.warning("Task put off", task=body.__name__, reason=error.detail)

    return task


def _worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
