"""The fleet of the pictures: sixty hosts of `large_fleet.py`, with one to look at closely.

That host has something of everything: broken tunnels, a port whose name somebody else has, a
foreign bridge, drift, a mirror. Its agent is played here, so that it can be asked; what passes
through the fleet goes on passing as long as the stage stands.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx

from controller.auth import Role
from controller.compiler.naming import port_id
from controller.domain.definitions import (
    FlowExportSpec,
    FlowProtocol,
    MirrorSpec,
    MirrorTunnelSpec,
    MirrorTunnelType,
    QosPolicySpec,
    QueueSpec,
    TunnelProfileSpec,
)
from controller.domain.intent import (
    DEFAULT_PROJECT,
    Kind,
    Manifest,
    PortSpec,
    PortType,
    Ref,
    SegmentSpec,
    Spec,
)
from controller.domain.webhooks import Event
from controller.services import changes, status, tokens, webhooks
from controller.services.status import ReportedFailure
from controller.store.engine import Database
from tests.support import large_rows
from tests.support.api import ADMIN
from tests.support.large_fleet import LargeFleet, Uids, commit_as, served
from tests.support.large_plan import Ailment, Plan
from tests.support.large_statuses import Teller
from tests.support.staged_host import TAKEN_REASON, TAKEN_TOLD, StagedHost, epoch_of

PLAN = Plan(hosts=60, segments=12, ports=1200, zones=3, changes=8)
"""Enough hosts that one is there of each ailment, and few enough to see each in a picture."""
SHOWN = 13
"""The host that is looked at closely, by number."""
HOST = PLAN.names[SHOWN]
_PINNED = 29
PINNED = PLAN.names[_PINNED]
SEGMENT = PLAN.segment_name(6)
"""Of some twenty hosts, so that a picture can show what passes through each."""
_TROUBLED = PLAN.segments_of(SHOWN)[-1]
TROUBLED = PLAN.segment_name(_TROUBLED)
"""The segment whose tunnels the host cannot make."""
TROUBLED_PROJECT = PLAN.project(_TROUBLED)
LIMITED = "shop"
"""The only project that the other token sees."""

_HISTORY = timedelta(minutes=16)
_STEP = timedelta(seconds=5)
_PAUSE = timedelta(minutes=23)
"""Between two changes of the fleet."""


@dataclass(frozen=True)
class Stage:
    url: str
    secret: str
    """Of a network-admin."""
    limited_secret: str
    """Of somebody who may read one project."""
    rest: httpx.Client
    """What others do while somebody looks."""


@contextmanager
def staged() -> Iterator[Stage]:
    with served(PLAN, _furnish) as (fleet, db, live, secret):
        now = datetime.now(UTC)
        _tell(db, fleet, now)
        large_rows.age_changes(db.url, now, _PAUSE)
        host = StagedHost(db, PLAN, fleet.uids, SHOWN)
        host.introduce(now)
        _add_webhooks(db, now)
        headers = {"Authorization": f"Bearer {secret}"}
        with _going_on(db, fleet, host), httpx.Client(base_url=live.url, headers=headers) as rest:
            yield Stage(live.url, secret, _limited(db, now), rest)


# --- what is intended ----------------------------------------------------------------------------


def _furnish(db: Database) -> Uids:
    """In the order in which people did it."""
    uids = commit_as(db, _definitions())
    uids |= commit_as(db, _ports_of_a_bridge(), by="ben")
    uids |= commit_as(db, [_mirror()], by="ben")
    number = 3
    segment = PLAN.segment(number)
    assert isinstance(segment.spec, SegmentSpec)
    uids |= commit_as(db, [replace(segment, spec=replace(segment.spec, mtu=1400))], by="ana")
    subnets = ("10.42.0.0/24",)
    uids |= commit_as(db, [_default(Kind.SEGMENT, "cameras", SegmentSpec(subnets=subnets))])
    uids |= commit_as(db, _cameras(), by="ana")
    return uids


def _definitions() -> Iterator[Manifest]:
    wan = TunnelProfileSpec(ttl=64, tos="inherit", csum=True, df_default=True)
    yield _default(Kind.TUNNEL_PROFILE, "wan", wan)
    queues = (
        QueueSpec(id=0, max_rate_bps=800_000_000),
        QueueSpec(id=1, min_rate_bps=100_000_000, priority=1, dscp=46),
    )
    voice = QosPolicySpec(max_rate_bps=10**9, queues=queues)
    yield _default(Kind.QOS_POLICY, "voice", voice)
    sflow = FlowExportSpec(FlowProtocol.SFLOW, ("203.0.113.20:6343",), host_group="web")
    yield _default(Kind.FLOW_EXPORT, "collector", replace(sflow, sampling=1000, polling_s=20))


def _ports_of_a_bridge() -> Iterator[Manifest]:
    bridge = f"lan-{HOST}"
    uplink = PortSpec(host=HOST, interface="eth2", type=PortType.SYSTEM, bridge=bridge)
    yield _default(Kind.PORT, f"uplink-{HOST}", replace(uplink, qos_policy="voice"))
    for number, name in enumerate(("door", "gate", "phone")):
        spec = PortSpec(host=HOST, interface=name, bridge=bridge, tag=100 * (number + 1))
        yield _default(Kind.PORT, f"{name}-{HOST}", spec)


def _mirror() -> Manifest:
    tunnel = MirrorTunnelSpec(MirrorTunnelType.GRE, "203.0.113.9", key=7)
    spec = MirrorSpec(HOST, f"lan-{HOST}", select_src_ports=(f"door-{HOST}",), tunnel=tunnel)
    return _default(Kind.MIRROR, "door-camera", replace(spec, ttl_s=86_400))


def _cameras() -> Iterator[Manifest]:
    for number in range(12, 16):
        host = PLAN.names[number]
        spec = PortSpec(
            host=host,
            interface="cam0",
            segment="cameras",
            mtu=1400,
            addresses=(f"10.42.0.{number}/24",),
        )
        yield _default(Kind.PORT, f"camera-{host}", spec)


def _default(kind: Kind, name: str, spec: Spec) -> Manifest:
    return Manifest(Ref(kind, DEFAULT_PROJECT, name), spec)


# --- how it is doing -----------------------------------------------------------------------------


def _tell(db: Database, fleet: LargeFleet, now: datetime) -> None:
    """The shown host's name of a port is taken, beside what ails it already."""
    uid, head = fleet.hosts[SHOWN], changes.head(db)
    report = Teller(db, PLAN, fleet.uids, now).report(SHOWN, Ailment.TUNNELS, head)
    port = fleet.uids[Ref(Kind.PORT, DEFAULT_PROJECT, f"gate-{HOST}")]
    taken = ReportedFailure(port_id(port), "conflict", TAKEN_REASON, TAKEN_TOLD)
    report = replace(report, failures=(*report.failures, taken))
    assert status.record(db, uid, epoch_of(db, uid), report, now=now - timedelta(minutes=34))


def _add_webhooks(db: Database, now: datetime) -> None:
    pager = frozenset({Event.FAILED, Event.DEGRADED, Event.SILENT})
    for name, events in (("pager", pager), ("inventory", frozenset({Event.CREATED}))):
        wanted = webhooks.Wanted(name, f"https://hooks.example.net/{name}", events)
        webhooks.create(db, ADMIN, wanted, allow_loopback=False, now=now, request_id="staged")


def _limited(db: Database, now: datetime) -> str:
    roles, projects = [Role.VIEWER], [LIMITED]
    return tokens.create(
        db, ADMIN, f"{LIMITED}-viewer", roles, now=now, request_id="staged", projects=projects
    )


@contextmanager
def _going_on(db: Database, fleet: LargeFleet, host: StagedHost) -> Iterator[None]:
    """Counts, follows what is changed, and answers for the shown host, until the end."""
    over = threading.Event()
    close = [*(fleet.hosts[number] for number in PLAN.members(6)), fleet.hosts[SHOWN]]
    now = datetime.now(UTC)
    large_rows.count(db, close, [now - n * _STEP for n in range(_HISTORY // _STEP)])

    def go_on() -> None:
        counted = datetime.now(UTC)
        while not over.wait(0.1):
            host.answer()
            if datetime.now(UTC) - counted >= _STEP:
                counted += _STEP
                large_rows.count(db, _hosts(counted, close, fleet), [counted])
                large_rows.follow(db.url)

    thread = threading.Thread(target=go_on)
    thread.start()
    yield
    over.set()
    thread.join()


def _hosts(at: datetime, close: list[UUID], fleet: LargeFleet) -> list[UUID]:
    """All of them now and then: only their rates of the moment are looked at."""
    return fleet.hosts if at.second // _STEP.seconds % 6 == 0 else close
