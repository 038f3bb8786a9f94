"""Everything that is not as intended and waits for a person, the most urgent first.

Owns nothing, and reads in one snapshot. One row is of one thing: a host that is away is one, not
one for each of its ports. Must not show a principal what lies outside its projects.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from controller.auth import Principal
from controller.domain.attention import PATIENCE, fix, urgency
from controller.domain.errors import NotFoundError
from controller.domain.intent import DEFAULT_PROJECT, Kind, Lifecycle, Ref
from controller.domain.paging import decode_place, encode_place, number
from controller.domain.status import LEFT_AS_FOUND, MAINTENANCE, Condition, Phase, Status
from controller.services.queries import find, inspects, scope
from controller.services.statuses import derive
from controller.store import attention as rows
from controller.store.attention import FAILING, Found, HostFound, Place, Waiting, Wanted
from controller.store.engine import Database, Transaction
from controller.store.strays import read_strays

_OF_OBJECTS = frozenset({"SomeFailed", *LEFT_AS_FOUND})
"""Reasons of hosts that may say no more than the rows of the objects there."""
_ON_HOSTS = (Kind.PORT, Kind.BRIDGE, Kind.TUNNEL, Kind.MIRROR)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Item:
    ref: Ref
    uid: UUID
    host: str | None
    """The host that it is about, or that has the worst of it."""
    phase: Phase
    reason: str
    message: str
    since: datetime

    @property
    def fix(self) -> str:
        return fix(self.ref, self.host, self.reason)

    @property
    def place(self) -> Place:
        kind = self.ref.kind
        rank = urgency(kind, self.phase, self.reason)
        age = (_EPOCH - self.since) // timedelta(microseconds=1)
        return Place(rank, age, kind.value, self.ref.project, self.ref.name)


@dataclass(frozen=True, slots=True)
class ItemPage:
    items: tuple[Item, ...]
    total: int
    next_after: str
    """Give it as ``after`` for the next page; empty on the last."""


@dataclass(frozen=True, slots=True)
class Asked:
    kind: Kind | None = None
    host: str | None = None
    """Name or uid."""
    project: str | None = None


def attention(
    db: Database, principal: Principal, asked: Asked, *, now: datetime, page_size: int, after: str
) -> ItemPage:
    with db.snapshot() as tx:
        wanted = _wanted(tx, principal, asked, now)
        if wanted is None:
            return ItemPage((), 0, "")
        whole = _hosts(tx, principal, wanted, now)
        place = _place(after)
        found = rows.read_page(tx, wanted, place, page_size + 1)
        ahead = {each.place: each for each in found.items}
        known = {each.place: each for each in whole if place is None or each.place > place}
        places = sorted({*ahead, *known})
        shown = places[:page_size]
        items = known | _judged(tx, [ahead[each] for each in shown if each in ahead])
        return ItemPage(
            items=tuple(items[each] for each in shown),
            total=len(whole) + found.total,
            next_after=encode_place(*shown[-1]) if len(places) > page_size else "",
        )


def count(tx: Transaction, principal: Principal, now: datetime) -> int:
    """How much there is in all."""
    wanted = _wanted(tx, principal, Asked(), now)
    if wanted is None:
        return 0
    return len(_hosts(tx, principal, wanted, now)) + rows.count(tx, wanted)


def _wanted(tx: Transaction, principal: Principal, asked: Asked, now: datetime) -> Wanted | None:
    """None: there is no such host."""
    host = None
    if asked.host is not None:
        try:
            host = find(tx, principal, Kind.HOST, DEFAULT_PROJECT, asked.host).object.uid
        except NotFoundError:
            return None
    kinds = (Kind.HOST, *FAILING) if asked.kind is None else (asked.kind,)
    within = {kind: scope(principal, kind, asked.project) for kind in kinds}
    projects = {kind: each for kind, each in within.items() if each != frozenset()}
    return Wanted(projects, host, now - PATIENCE, read_strays(tx))


def _place(after: str) -> Place | None:
    found = decode_place(after, number, number, str, str, str)
    return None if found is None else Place(*found)


def _judged(tx: Transaction, found: Iterable[Found]) -> dict[Place, Item]:
    """As the objects' own statuses say."""
    of_kinds: defaultdict[Kind, list[Found]] = defaultdict(list)
    for each in found:
        of_kinds[each.kind].append(each)
    items: dict[Place, Item] = {}
    for kind, things in of_kinds.items():
        statuses = derive(tx, kind, [each.subject for each in things])
        for each in things:
            ref = Ref(kind, each.place.project, each.place.name)
            status = statuses[each.subject.uid]
            items[each.place] = _item(ref, each.subject.uid, each.host, status, each.since)
    return items


def _item(ref: Ref, uid: UUID, host: str | None, status: Status, since: datetime) -> Item:
    said = _realized(status)
    return Item(ref, uid, host, status.phase, said.reason, said.message, since)


def _realized(status: Status) -> Condition:
    return next(each for each in status.conditions if each.type == "Realized")


# --- hosts ---------------------------------------------------------------------------------------


def _hosts(tx: Transaction, principal: Principal, wanted: Wanted, now: datetime) -> list[Item]:
    if wanted.projects.get(Kind.HOST, frozenset()) == frozenset():
        return []
    within = {kind: scope(principal, kind, None) for kind in _ON_HOSTS}
    seen = {kind: projects for kind, projects in within.items() if projects != frozenset()}
    late = rows.waited_for(tx, now - PATIENCE, seen)
    found = rows.troubled_hosts(tx, wanted, late)
    subjects = [each.subject for each in found]
    statuses = derive(tx, Kind.HOST, subjects, inspects=inspects(principal))
    items = (_host(each, statuses[each.subject.uid], late) for each in found)
    return [
        item
        for item in items
        if item is not None and (item.phase is not Phase.PENDING or item.since <= now - PATIENCE)
    ]


def _host(host: HostFound, status: Status, late: Mapping[UUID, Waiting]) -> Item | None:
    """None: it is well, or the rows of what is on it say why it is not."""
    ref = Ref(Kind.HOST, host.project, host.name)
    reason = _realized(status).reason
    says_it_all = reason not in _OF_OBJECTS or host.ails_itself
    if status.phase is not Phase.READY and says_it_all:
        return _item(ref, host.subject.uid, host.name, status, _since(host, status))
    waiting = late.get(host.subject.uid)
    return None if waiting is None else _late(ref, host, waiting)


def _late(ref: Ref, host: HostFound, waiting: Waiting) -> Item:
    """A host that does its work, as far as it says, and lacks what was written a while ago."""
    reason = "Applying"
    message = (
        f"{waiting.objects} objects wait for it: revision {waiting.revision} is needed,"
        f" {host.applied_revision} is applied"
    )
    if host.state is Lifecycle.MAINTENANCE:
        reason = "Maintenance"
        message = f"{waiting.objects} objects wait: {MAINTENANCE.format(repr(host.name), '')}"
    uid, since = host.subject.uid, waiting.since
    return Item(ref, uid, host.name, Phase.PENDING, reason, message, since)


def _since(host: HostFound, status: Status) -> datetime:
    """Since when it is as it is, as far as that is known."""
    if status.phase is Phase.PENDING:
        is_new = _realized(status).reason in ("NotEnrolled", "NeverConnected")
        return host.created_at if is_new else host.updated_at
    asked = "Connected" if status.phase is Phase.UNKNOWN else "Realized"
    times = (each.last_transition for each in status.conditions if each.type == asked)
    return next(times, None) or host.updated_at
