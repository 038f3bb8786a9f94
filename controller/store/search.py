"""Objects found by a few letters: by what is exactly that, begins with it, or has it within.

Reads only. Each of the three is one query, whatever the number of kinds, and is asked only when
those before found too little. Of ports, of which there are the most, only narrow indexes are read
to find some, and then no more of them than are wanted.
"""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Label,
    Select,
    SQLColumnExpression,
    Text,
    TypeCoerce,
    Uuid,
    and_,
    cast,
    collate,
    func,
    literal,
    null,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.dialects import postgresql

from controller.domain.intent import Kind, Ref
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.listing import Subject
from controller.store.tables import (
    VERSIONED,
    BridgeRow,
    HostRow,
    MirrorRow,
    PortRow,
    SegmentRow,
    TunnelRow,
)

_AT_ONCE = 5
"""Of each kind so many come before more of another, so that no kind hides the others."""
_BEHIND_ALL = "\N{TILDE}"
"""Sorts behind whatever is in a name or an address."""
_HEX = re.compile(r"[0-9a-f]{8}[0-9a-f-]*")
_LONGEST_PREFIX = 128
_NO_HOST = cast(null(), Uuid)


class Question(NamedTuple):
    words: str
    projects: Mapping[Kind, Collection[str] | None]
    """By kind, the projects to look in; None: all of them. Other kinds are not looked for."""
    limit: int


class Hit(NamedTuple):
    ref: Ref
    subject: Subject
    host: str | None
    field: str
    value: str


class _Way(enum.Enum):
    EXACT = enum.auto()
    PREFIX = enum.auto()
    WITHIN = enum.auto()


class _Look(NamedTuple):
    """At one column of one kind."""

    kind: Kind
    field: str
    value: SQLColumnExpression[Any]
    is_meant: ColumnElement[bool]


def search(tx: Transaction, question: Question) -> list[Hit]:
    """The best ``limit``, each object once."""
    found: dict[UUID, Hit] = {}
    if not question.projects or not objects.can_be_stored(question.words):
        return []
    for way in _Way:
        for hit in _find(tx, question, way):
            found.setdefault(hit.subject.uid, hit)
        if len(found) >= question.limit:
            break
    return list(found.values())[: question.limit]


def _find(tx: Transaction, question: Question, way: _Way) -> list[Hit]:
    looks = [look for kind in question.projects for look in _looks(kind, question.words, way)]
    if not looks:
        return []
    rows = tx.execute(union_all(*(_query(look, question) for look in looks)))
    kinds = list(question.projects)
    by_kind: dict[Kind, list[Hit]] = {kind: [] for kind in kinds}
    for hit in sorted(map(_hit, rows), key=_in_order):
        by_kind[hit.ref.kind].append(hit)
    ranked = [
        (number // _AT_ONCE, kinds.index(kind), number, hit)
        for kind, hits in by_kind.items()
        for number, hit in enumerate(hits)
    ]
    return [hit for *_, hit in sorted(ranked, key=lambda each: each[:3])]


def _in_order(hit: Hit) -> tuple[str, str, str]:
    return hit.value, hit.ref.project, hit.ref.name


def _hit(row: Any) -> Hit:
    hosts = tuple(host for host in (row.on_one, row.on_other) if host is not None)
    subject = Subject(row.uid, row.revision, hosts)
    return Hit(Ref(Kind(row.kind), row.project, row.name), subject, row.host, row.field, row.value)


def _query(look: _Look, question: Question) -> Select[Any]:
    kind, row = look.kind, VERSIONED[look.kind]
    value: Label[Any] = look.value.label("value")
    narrow = select(row.uid, value).where(look.is_meant, objects.current(kind), objects.once(kind))
    projects = question.projects[kind]
    if projects is not None:
        narrow = narrow.where(row.project == func.any(list(projects)))
    few = narrow.order_by(collate(value, "C")).limit(question.limit).subquery()
    one, other, *_ = (*objects.host_columns(kind), _NO_HOST, _NO_HOST)
    return select(
        literal(kind.value).label("kind"),
        row.uid.label("uid"),
        row.project.label("project"),
        row.name.label("name"),
        row.valid_from.label("revision"),
        one.label("on_one"),
        other.label("on_other"),
        cast(_HOST_NAMES.get(kind, null()), Text).label("host"),
        literal(look.field).label("field"),
        cast(few.c.value, Text).label("value"),
    ).join(few, and_(row.uid == few.c.uid, objects.current(kind), objects.once(kind)))


_HOST_NAMES: Mapping[Kind, Any] = {
    Kind.BRIDGE: BridgeRow.host,
    Kind.PORT: PortRow.host,
    Kind.TUNNEL: TunnelRow.a_host,
    Kind.MIRROR: MirrorRow.spec["host"].astext,
}


# --- where to look -------------------------------------------------------------------------------


def _looks(kind: Kind, words: str, way: _Way) -> Iterator[_Look]:
    for field, column in _columns(kind):
        asked = words if field == "iface_id" else words.lower()
        if (is_meant := _compared(field, column, asked, way)) is not None:
            yield _Look(kind, field, column, is_meant)
    if way is _Way.EXACT:
        yield from _labelled(kind, words)
        yield from _addressed(kind, words)
    yield from _numbered(kind, words.lower(), way)


def _columns(kind: Kind) -> Iterator[tuple[str, SQLColumnExpression[Any]]]:
    yield "name", VERSIONED[kind].name
    match kind:
        case Kind.HOST:
            yield "vtep", HostRow.vtep_ipv4
            yield "vtep", HostRow.vtep_ipv6
        case Kind.BRIDGE:
            yield "interface", BridgeRow.interface
        case Kind.SEGMENT:
            yield "vni", cast(SegmentRow.vni, Text)
        case Kind.PORT:
            yield "mac", PortRow.mac
            yield "iface_id", PortRow.iface_id
        case Kind.TUNNEL:
            yield "vni", cast(TunnelRow.key, Text)
            yield "address", TunnelRow.a_ip
            yield "address", TunnelRow.b_ip
        case _:
            return


def _compared(
    field: str, column: SQLColumnExpression[Any], words: str, way: _Way
) -> ColumnElement[bool] | None:
    """Compared as bytes, which is the order of the indexes, wherever the database speaks."""
    value = collate(column, "C")
    match way:
        case _Way.EXACT:
            return value == (_address(words) or words if field in ("vtep", "address") else words)
        case _Way.PREFIX:
            # As a range and not as a pattern, of which a prepared statement knows no index.
            return and_(value > words, value < words + _BEHIND_ALL)
        case _Way.WITHIN:
            is_hopeless = field == "mac" and not set(words) <= _OF_MACS
            return None if is_hopeless else column.contains(words, autoescape=True)


_OF_MACS = frozenset("0123456789abcdef:")


def _labelled(kind: Kind, words: str) -> Iterator[_Look]:
    key, is_label, value = words.partition("=")
    if is_label and key:
        row = VERSIONED[kind]
        yield _Look(kind, "label", literal(words), row.labels.contains({key: value}))


def _addressed(kind: Kind, words: str) -> Iterator[_Look]:
    """Ports' addresses stand with the lengths of their prefixes, outside VTEPs without."""
    address = _address(words)
    if address is None:
        return
    if kind is Kind.PORT:
        given = [f"{address}/{length}" for length in range(_LONGEST_PREFIX + 1)]
        has_it = and_(PortRow.addresses != [], _list(PortRow.addresses).overlap(given))
        yield _Look(kind, "address", literal(words), has_it)
    elif kind is Kind.SEGMENT:
        has_it = and_(
            SegmentRow.mentions.is_not(None), _list(SegmentRow.mentions).contains([address])
        )
        yield _Look(kind, "vtep", literal(words), has_it)


def _list(column: SQLColumnExpression[Any]) -> TypeCoerce[Sequence[str]]:
    """As PostgreSQL knows it, whose indexes answer what lists have in common."""
    return type_coerce(column, postgresql.ARRAY(Text))


def _address(words: str) -> str | None:
    try:
        return str(ipaddress.ip_address(words.partition("/")[0]))
    except ValueError:
        return None


def _numbered(kind: Kind, words: str, way: _Way) -> Iterator[_Look]:
    """By uid, or its first eight digits and more."""
    if way is _Way.WITHIN or not _HEX.fullmatch(words):
        return
    digits = words.replace("-", "")
    if len(digits) > _DIGITS or (len(digits) == _DIGITS) is not (way is _Way.EXACT):
        return
    first, last = (UUID(digits.ljust(_DIGITS, fill)) for fill in "0f")
    uid = VERSIONED[kind].uid
    yield _Look(kind, "uid", cast(uid, Text), uid.between(first, last))


_DIGITS = 32
