"""How the hosts of the large fleet are doing: well, but for eleven of every two hundred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID

from controller.domain.intent import Kind, Ref
from controller.domain.safety import DriftAction
from controller.domain.status import CHANGE_RESOURCE, HOST_RESOURCE, REMOVALS_RESOURCE
from controller.services import changes, drift, status
from controller.services.drift import Difference, DriftEvent
from controller.services.status import HostReport, Outcome, ReportedFailure, SessionStart
from controller.store.engine import Database
from tests.support import large_rows
from tests.support.large_plan import Ailment, Plan, ailment

TUNNEL_REASON = "InterfaceError"
TUNNEL_TOLD = (
    "Open vSwitch cannot use interface vx{}-{}: could not add network device to ofproto (File"
    " exists) (another tunnel of this ovs-vswitchd has the same remote, local address, VNI and UDP"
    " port; remove that one)"
)
_STOPPED = (
    "ovs-vswitchd is not running or does not act on its database; start it (on Debian: systemctl"
    " start openvswitch-switch); nothing is changed until then"
)
_HELD = (
    "40 of the 61 resources that this host has of the fleet are absent from intent without having"
    " been deleted; they stay, and all else is applied"
)
_UNDONE = (
    "within 60 s the controller could not be asked whether it is still reached (connection timed"
    " out)"
)
_BROKEN = 3
"""Tunnels of a host that cannot reach all of its neighbours."""


@dataclass(frozen=True)
class Teller:
    """Reports as the hosts' agents would."""

    db: Database
    plan: Plan
    uids: Mapping[Ref, UUID]
    """Of everything but the copied ports."""
    now: datetime

    def tell_all(self) -> None:
        head = changes.head(self.db)
        ailing = {n: found for n in range(self.plan.hosts) if (found := ailment(n)) is not None}
        hosts = {n: self._uid(Kind.HOST, self.plan.names[n]) for n in ailing}
        large_rows.report_applied(self.db.url, head, self.now, hosts.values())
        for number, found in ailing.items():
            since = self.now - timedelta(minutes=7 * number % 600 + 2)
            self._tell(number, hosts[number], found, head, since)

    def _tell(self, number: int, uid: UUID, found: Ailment, head: int, since: datetime) -> None:
        if found is Ailment.NEVER_CAME:
            return
        start = SessionStart("large", "1.0.0")
        epoch = status.open_session(self.db, uid, start, now=since - timedelta(days=1))
        report = self.report(number, found, head)
        assert status.record(self.db, uid, epoch, report, now=since)
        if found is Ailment.AWAY:
            status.close_session(self.db, uid, epoch, now=since)
        elif found is Ailment.DRIFT:
            assert drift.record(self.db, uid, epoch, [self._drift(number, since)], now=since)

    def report(self, number: int, found: Ailment, head: int) -> HostReport:
        """What the agent of a host with this ailment tells."""
        applied, outcome = head, Outcome.APPLIED
        failures: tuple[ReportedFailure, ...] = ()
        match found:
            case Ailment.AWAY | Ailment.NEVER_CAME:
                pass
            case Ailment.BEHIND | Ailment.MAINTENANCE:
                applied = head - 5
            case Ailment.STOPPED:
                failures = (ReportedFailure(HOST_RESOURCE, "transient", "VswitchdDown", _STOPPED),)
            case Ailment.PINNED:
                applied, outcome = head - 5, Outcome.REVERTED
                failures = (ReportedFailure(CHANGE_RESOURCE, "conflict", "Reverted", _UNDONE),)
            case Ailment.REMOVALS:
                failures = (
                    ReportedFailure(REMOVALS_RESOURCE, "conflict", "MassRemovalHeld", _HELD),
                )
            case Ailment.DRIFT:
                said = "tag is 7 and 0 is intended; it was changed back 5 times"
                failures = (ReportedFailure(self._port(number), "conflict", "DriftFought", said),)
            case Ailment.TUNNELS:
                failures = self._broken_tunnels(number)
            case _:
                assert_never(found)
        return HostReport(head, applied, b"%d" % number, outcome, failures)

    def _broken_tunnels(self, number: int) -> tuple[ReportedFailure, ...]:
        segment = self.plan.segments_of(number)[-1]
        far = [each for each in self.plan.members(segment) if each != number][:_BROKEN]
        uid = self._segment(segment)
        return tuple(
            ReportedFailure(
                f"tunnel:{uid}/{self._uid(Kind.HOST, self.plan.names[each])}",
                "datapath",
                TUNNEL_REASON,
                TUNNEL_TOLD.format(segment, self.plan.names[each]),
            )
            for each in far
        )

    def _port(self, number: int) -> str:
        segment = self.plan.segments_of(number)[0]
        name = f"{self.plan.segment_name(segment)}-{self.plan.names[number]}"
        return f"port:{self._uid(Kind.PORT, name, self.plan.project(segment))}"

    def _drift(self, number: int, at: datetime) -> DriftEvent:
        changed = (Difference("tag", "0", "7"),)
        who = "ovs-vsctl (init.scope): ovs-vsctl set port s0 tag=7"
        return DriftEvent(1, at, self._port(number), DriftAction.GAVE_UP, changed, who)

    def _segment(self, segment: int) -> UUID:
        name, project = self.plan.segment_name(segment), self.plan.project(segment)
        return self._uid(Kind.SEGMENT, name, project)

    def _uid(self, kind: Kind, name: str, project: str = "default") -> UUID:
        return self.uids[Ref(kind, project, name)]
