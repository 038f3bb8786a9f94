"""Which objects may be in a phase, by what hosts reported: for lists that are narrowed to one.

Owns nothing. A condition holds for every object in the phase and maybe for more, so that what is
found must still be judged. Who is meant is found by small tables and by indexes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    exists,
    false,
    or_,
    select,
    union_all,
)

from controller.domain.intent import Kind, Lifecycle
from controller.domain.status import HOST_RESOURCE, LEFT_AS_FOUND, Outcome, Phase
from controller.store import objects
from controller.store.tables import (
    FleetRow,
    HostIfaceRow,
    HostRow,
    HostSegmentRow,
    HostStatusRow,
    PortRow,
    ResourceFailureRow,
    SegmentRow,
)

_STATUS, _FAILURE = HostStatusRow, ResourceFailureRow
_IS_HEARD = and_(_STATUS.connected, ~_STATUS.silent)
_KNOWN = or_(_IS_HEARD, _STATUS.written_off_at.is_(None))
_LEFT = _FAILURE.reason.in_(LEFT_AS_FOUND)


def maybe_in(kind: Kind, phase: Phase) -> ColumnElement[bool] | None:
    """None when nothing is known of it."""
    match kind:
        case Kind.HOST:
            return _hosts(phase)
        case Kind.SEGMENT:
            return _segments(phase)
        case Kind.PORT:
            return _ports(phase)
        case _:
            return None


def maybe_not_ready(kind: Kind) -> ColumnElement[bool] | None:
    others = [maybe_in(kind, phase) for phase in Phase if phase is not Phase.READY]
    known = [each for each in others if each is not None]
    return or_(*known) if len(known) == len(others) else None


# --- hosts ---------------------------------------------------------------------------------------


def _stopped() -> Select[Any]:
    return select(_FAILURE.host_uid).where(_FAILURE.resource == HOST_RESOURCE)


def _away() -> Select[Any]:
    return select(_STATUS.host_uid).where(~_IS_HEARD, _STATUS.written_off_at.is_(None))


def _strange() -> Select[Any]:
    """Hosts that no machine speaks for yet, or any more."""
    is_known = exists().where(_STATUS.host_uid == HostRow.uid, _KNOWN)
    return select(HostRow.uid).where(objects.current(Kind.HOST), ~is_known)


def _behind() -> Select[Any]:
    head = select(FleetRow.revision).scalar_subquery()
    return select(_STATUS.host_uid).where(_STATUS.applied_revision < head)


def _hosts(phase: Phase) -> ColumnElement[bool] | None:
    host, status = HostRow, _STATUS
    failing = select(_FAILURE.host_uid)
    match phase:
        case Phase.READY:
            return None
        case Phase.UNKNOWN:
            return host.uid.in_(_away())
        case Phase.FAILED:
            held = select(status.host_uid).where(status.outcome == Outcome.HELD)
            return host.uid.in_(union_all(_stopped(), held))
        case Phase.DEGRADED:
            pinned = select(status.host_uid).where(status.pinned_revision.is_not(None))
            return host.uid.in_(union_all(failing, pinned))
        case Phase.PENDING:
            silent_start = select(status.host_uid).where(status.outcome.is_(None))
            waiting = union_all(failing, silent_start, _behind(), _strange())
            return or_(host.uid.in_(waiting), host.state != Lifecycle.ACTIVE)


# --- segments ------------------------------------------------------------------------------------


def _segments(phase: Phase) -> ColumnElement[bool] | None:
    """None of them fails as a whole."""
    match phase:
        case Phase.READY:
            return None
        case Phase.FAILED:
            return false()
        case Phase.UNKNOWN:
            return SegmentRow.uid.in_(_with_members(_away()))
        case Phase.DEGRADED:
            failing = select(_FAILURE.object_uid).where(_FAILURE.object_uid.is_not(None))
            return SegmentRow.uid.in_(union_all(failing, _with_members(_stopped())))
        case Phase.PENDING:
            waiting = union_all(_with_members(_behind()), _with_members(_strange()))
            return SegmentRow.uid.in_(waiting)


def _with_members(hosts: Select[Any]) -> Select[Any]:
    member = HostSegmentRow
    return select(member.segment_uid).where(
        member.released_revision.is_(None), member.host_uid.in_(hosts)
    )


# --- ports ---------------------------------------------------------------------------------------


def _ports(phase: Phase) -> ColumnElement[bool]:
    """As one set of ports or of hosts, so that whatever is less is read: it, or the list."""
    port = PortRow
    match phase:
        case Phase.READY:
            bad = union_all(_stopped(), _away(), _strange())
            return and_(port.host_uid.is_not(None), port.host_uid.not_in(bad))
        case Phase.UNKNOWN:
            moving = select(port.host_uid).where(
                objects.current(Kind.PORT), port.migrating_to_uid.is_not(None)
            )
            return port.host_uid.in_(union_all(_away(), moving))
        case Phase.FAILED:
            own = _two_places(), _refused(), _failing(~_LEFT)
            return port.uid.in_(union_all(*own, _on(_stopped())))
        case Phase.DEGRADED:
            return port.uid.in_(union_all(_two_places(), _refused(), _failing(_LEFT)))
        case Phase.PENDING:
            nowhere = select(port.uid).where(objects.current(Kind.PORT), port.host_uid.is_(None))
            waiting = _two_places(), nowhere, _late(), _on(_strange())
            return port.uid.in_(union_all(*waiting))


def _on(hosts: Select[Any]) -> Select[Any]:
    port = PortRow
    return select(port.uid).where(objects.current(Kind.PORT), port.host_uid.in_(hosts))


def _late() -> Select[Any]:
    port, head = PortRow, select(FleetRow.revision).scalar_subquery()
    return (
        select(port.uid)
        .join(_STATUS, _STATUS.host_uid == port.host_uid)
        .where(
            objects.current(Kind.PORT),
            _STATUS.applied_revision < head,
            port.valid_from > _STATUS.applied_revision,
        )
    )


def _failing(which: ColumnElement[bool]) -> Select[Any]:
    return select(_FAILURE.object_uid).where(_FAILURE.object_uid.is_not(None), which)


def _two_places() -> Select[Any]:
    """They are as on the worse of their hosts."""
    return select(PortRow.uid).where(
        objects.current(Kind.PORT), PortRow.migrating_to_uid.is_not(None)
    )


def _refused() -> Select[Any]:
    port, iface = PortRow, HostIfaceRow
    return (
        select(port.uid)
        .join(iface, iface.iface_id == port.iface_id)
        .where(objects.current(Kind.PORT), iface.refusal.is_not(None))
    )
