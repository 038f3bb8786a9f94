"""The composition root: builds the parts of the agent, runs them in one task group, ends by name.

Starts from what lies on disk, before and without the controller. Ending touches nothing in the
datapath, whatever the reason. Owns the lock that keeps a second agent out of the state directory.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import fcntl
import gc
import importlib.metadata
import os
import random
import signal
from collections.abc import Awaitable, Iterator
from pathlib import Path

import structlog
from ovsfleet.v1 import agent_pb2

from agent import exposition, introspection
from agent.cache import StateCache
from agent.capabilities import capabilities
from agent.clock import SystemClock
from agent.config import NO_JOURNAL, Settings
from agent.confirm import Trials
from agent.controlplane import codec
from agent.controlplane.client import ControlPlane, Standing
from agent.controlplane.identity import (
    Identity,
    IdentityError,
    IdentityStore,
    JoinToken,
    enrol,
)
from agent.controlplane.whereabouts import Whereabouts
from agent.drift import Culprits, Drift, nobody
from agent.drift_events import DriftQueue
from agent.errors import Failure
from agent.host import Sighting, adapters, boot_id
from agent.inventory_report import InventoryReport
from agent.netlink import Netlink
from agent.netlink.features import kernel_features
from agent.netlink.known_ways import KnownWays
from agent.observability import Metrics
from agent.observation import Questions
from agent.observer import Observer
from agent.ovsdb.absent import NoOvsdb
from agent.ovsdb.attribution import Attribution
from agent.ovsdb.journal import Journal, journal_paths
from agent.reconciler import Reconciler, Timing
from agent.report import Outcome, Report
from agent.round_trip import RoundTrip
from agent.stats.reporting import Statistics

log = structlog.get_logger(__name__)

FIRST_REPLICA_S = 5.0
"""How long the first look waits for ovsdb-server before it reports that there is none."""

_OUTCOMES = {
    Outcome.APPLIED: agent_pb2.OUTCOME_APPLIED,
    Outcome.HELD: agent_pb2.OUTCOME_HELD,
    Outcome.REVERTED: agent_pb2.OUTCOME_REVERTED,
}


class Ending(enum.Enum):
    """Every way the daemon can end, with its exit status."""

    STOPPED = 0
    """A signal asked for it."""
    FAULT = 70
    """A part ended that must not end; the log has the reason. The supervisor starts it again."""


class StartError(Exception):
    """The daemon cannot start; the message says what to do."""


class PartEndedError(Exception):
    """A part that has to run as long as the agent has ended."""


class _Stopped(Exception):  # noqa: N818 - not an error: a person asked for it
    """Carries a signal's wish through the task group."""


def version() -> str:
    return importlib.metadata.version("ovsfleet")


def open_cache(settings: Settings) -> StateCache:
    return StateCache(
        settings.state_dir, codec.dump_host_state, codec.load_host_state, version=version()
    )


@contextlib.contextmanager
def only_instance(state_dir: Path) -> Iterator[None]:
    """Hold the state directory; StartError when another agent does."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state_dir / "agent.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise StartError(
                f"another ovsfleet-agent (pid {lock.read().strip() or 'unknown'}) runs on "
                f"{state_dir}; stop it, or give this one a --state-dir of its own"
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


async def run(settings: Settings) -> Ending:
    """Run the agent until a signal or a fault ends it."""
    # The rows of a large host are many objects and no garbage: at its usual thresholds the search
    # for some takes as long as the plan itself.
    gc.set_threshold(50_000, 20, 100)
    with only_instance(settings.state_dir):
        rng = random.Random()  # noqa: S311 - jitter, no secret
        store = IdentityStore(settings.identity_dir)
        identity = store.load() or await _enrol_first(settings, store, rng)
        daemon = Daemon(settings, store, identity, rng)
        return await daemon.run()


async def _enrol_first(settings: Settings, store: IdentityStore, rng: random.Random) -> Identity:
    token = settings.join_token.get_secret_value()
    if not token:
        raise StartError(
            "this host is not enrolled: make a join token for it and run "
            "`ovsfleet-agent enroll --token TOKEN`, or set OVSFLEET_AGENT_JOIN_TOKEN"
        )
    try:
        return await enrol(store, JoinToken.parse(token), rng=rng)
    except IdentityError as error:
        raise StartError(str(error)) from error


class Daemon:
    """The parts, put together."""

    def __init__(
        self, settings: Settings, store: IdentityStore, identity: Identity, rng: random.Random
    ) -> None:
        self._settings = settings
        self._identity = identity
        self._store = store
        self._metrics = Metrics()
        self._round_trip = RoundTrip()
        self._round_trip.on_answered = self._host_changed
        self._cache = open_cache(settings)
        self._cache.load()
        whereabouts = Whereabouts(settings.state_dir)
        self._ovsdb, self._netlink = adapters(
            settings.ovsdb_remote,
            self._host_changed,
            lambda: whereabouts.addresses,
            KnownWays(settings.state_dir, boot_id(), reached_s=lambda: whereabouts.reached_s),
        )
        self._metrics.watch_writes(
            lambda: self._ovsdb.transaction_count, lambda: self._netlink.write_count
        )
        self._trials = Trials(self._cache, SystemClock(), self._round_trip, boot_id())
        self._drift_events = DriftQueue()
        self._drift = Drift(
            self._drift_events,
            SystemClock(),
            who=self._attribution(),
            on_event=lambda action: self._metrics.drift_events.labels(action.value).inc(),
        )
        self._metrics.dropped_drift_events.set_function(lambda: self._drift_events.dropped)
        self._reconciler = Reconciler(
            self._cache,
            self._ovsdb,
            self._netlink,
            self._trials,
            on_report=self._report,
            on_sighting=self._announce,
            clock=SystemClock(),
            rng=rng,
            metrics=self._metrics,
            timing=Timing(
                resync_s=settings.resync_s,
                retry_min_s=settings.retry_min_s,
                retry_max_s=settings.retry_max_s,
                apply_deadline_s=settings.apply_deadline_s,
            ),
            drift=self._drift,
        )
        questions = Questions()
        self._observer = Observer(
            questions,
            self._ovsdb,
            # Of its own, so that the loop never waits for a look of somebody else.
            Netlink(destinations=lambda: whereabouts.addresses),
            cached=lambda: self._cache.cached,
            failures=self._failures,
            clock=SystemClock(),
        )
        self._controlplane = ControlPlane(
            store,
            endpoint=settings.controller,
            version=version(),
            standing=self._standing,
            on_state=self._reconciler.offer,
            round_trip=self._round_trip,
            metrics=self._metrics,
            rng=rng,
            on_stats_interval=self._set_stats_interval,
            whereabouts=whereabouts,
            drift=self._drift_events,
            questions=questions,
        )
        self._statistics = Statistics(
            store,
            owner=identity.profile.fleet_uid,
            nonce=self._controlplane.nonce,
            endpoint=settings.controller,
            remote=settings.ovsdb_remote,
            state=lambda: self._standing().accepted,
            max_reports=settings.stats_reports,
            clock=SystemClock(),
            metrics=self._metrics,
            rng=rng,
        )
        self._inventory = InventoryReport(
            identity.profile.fleet_uid, self._controlplane.tell, SystemClock()
        )
        self._kernel_features: frozenset[str] = frozenset()
        self._metrics.info.info({"version": version()})

    def _attribution(self) -> Culprits:
        settings, ovsdb = self._settings, self._ovsdb
        if isinstance(ovsdb, NoOvsdb) or settings.ovsdb_journal == NO_JOURNAL:
            return nobody
        paths = journal_paths(settings.ovsdb, settings.ovsdb_journal)
        return Attribution(ovsdb, Journal(paths))

    async def run(self) -> Ending:
        profile = self._identity.profile
        log.info("agent starts", version=version(), host=profile.host_name, uid=profile.host_uid)
        self._kernel_features = await asyncio.to_thread(kernel_features)
        await self._netlink.open()
        self._ovsdb.open()
        try:
            return await self._run_parts()
        finally:
            await self._ovsdb.close()
            await self._netlink.close()

    async def _run_parts(self) -> Ending:
        ending = Ending.STOPPED
        socket_path = self._settings.state_dir / introspection.SOCKET_NAME
        try:
            async with asyncio.TaskGroup() as parts:
                for part, work in {
                    "signals": self._until_signal(),
                    "reconciler": self._reconcile(),
                    "control plane": self._controlplane.run(),
                    "inventory": self._inventory.run(),
                    "observer": self._observer.run(),
                    "introspection": introspection.serve(socket_path, self.document),
                    "counters": self._statistics.collector.run(),
                    "metrics": exposition.serve(
                        self._settings.metrics_endpoint, self._metrics.registry
                    ),
                    "statistics stream": self._statistics.client.run(),
                }.items():
                    parts.create_task(_endless(part, work), name=part)
        except* _Stopped:
            log.info("agent stops; the datapath is left as it is")
        except* Exception:
            log.exception("agent ends by a fault; the datapath is left as it is")
            ending = Ending.FAULT
        return ending

    async def _reconcile(self) -> None:
        await self._ovsdb.ready(FIRST_REPLICA_S)
        await self._reconciler.run()

    async def _until_signal(self) -> None:
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, asked.set)
        await asked.wait()
        raise _Stopped

    def document(self) -> introspection.Document:
        """What `ovsfleet-agent status` shows."""
        report = self._reconciler.report
        certificate = self._current_identity().certificate
        return {
            "version": version(),
            "pid": os.getpid(),
            "host": dataclasses.asdict(self._identity.profile),
            "certificate_not_after": certificate.not_valid_after_utc.isoformat(),
            "controller_error": self._controlplane.last_error,
            "trial": self._trials.describe(),
            "report": None if report is None else describe_report(report),
            "drift": self._drift.describe(),
            "metrics": self._metrics.samples(),
        }

    def _current_identity(self) -> Identity:
        """With the certificate that the control plane renewed last, if it can be read."""
        try:
            return self._store.load() or self._identity
        except (IdentityError, OSError):
            return self._identity

    def _failures(self) -> tuple[Failure, ...]:
        report = self._reconciler.report
        return () if report is None else report.failures

    def _host_changed(self) -> None:
        self._reconciler.wake()

    def _standing(self) -> Standing:
        cached = self._cache.cached
        if cached is None:
            return Standing(None, 0, b"")
        return Standing(
            cached.state,
            cached.applied_revision,
            cached.applied_hash,
            accepted_is_whole=self._cache.is_whole,
        )

    def _report(self, report: Report) -> None:
        self._controlplane.report(
            codec.encode_status(
                observed_revision=report.observed_revision,
                applied_revision=report.applied_revision,
                applied_hash=report.applied_hash,
                outcome=_OUTCOMES[report.outcome],
                failures=report.failures,
            )
        )

    def _set_stats_interval(self, milliseconds: int) -> None:
        self._statistics.collector.set_interval(milliseconds)

    def _announce(self, sighting: Sighting) -> None:
        self._statistics.bridges = sighting.ovsdb.bridges
        self._inventory.see(sighting.state, sighting.ports)
        self._controlplane.announce(capabilities(sighting, self._kernel_features))


async def _endless(part: str, work: Awaitable[None]) -> None:
    """Make a quiet end a fault: a task group takes no notice of a child that just returns."""
    try:
        await work
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise PartEndedError(f"the {part} was cancelled") from error
    raise PartEndedError(f"the {part} ended")


def describe_report(report: Report) -> introspection.Document:
    return {
        "observed_revision": report.observed_revision,
        "applied_revision": report.applied_revision,
        "applied_hash": report.applied_hash.hex(),
        "outcome": report.outcome.value,
        "failures": [
            {
                "resource": failure.resource,
                "kind": failure.kind.value,
                "reason": failure.reason,
                "message": failure.message,
            }
            for failure in report.failures
        ],
    }
