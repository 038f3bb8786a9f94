"""Objects found by a few letters: by what is exactly that, begins with it, or has it within.

Reads only. Each of the three is one query, whatever the number of kinds, and is asked only when
those before found too little. Kinds of which there are thousands are read whole. Of ports, of which
there are the most, narrow indexes find some, and no more of them than are wanted. Letters are
compared as bytes, which is the order of those indexes, wherever the database speaks.
"""

from __future__ import annotations

import enum
import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text

from controller.domain.intent import Kind, Ref
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.listing import Subject
from controller.store.tables import VERSIONED

_AT_ONCE = 5
"""Of each kind so many come before more of another, so that no kind hides the others."""
_BEHIND_ALL = "\N{TILDE}"
"""Sorts behind whatever is in a name or an address."""
_UID = re.compile(r"[0-9a-f]{8}[0-9a-f-]*")
_DIGITS = 32
_OF_MACS = frozenset("0123456789abcdef:")
_LENGTHS = range(129)
"""Of prefixes of addresses."""


class Question(NamedTuple):
    words: str
    kinds: tuple[Kind, ...]
    """Those of the first come first."""
    limit: int
    projects: Mapping[Kind, list[str] | None]
    """By kind, the projects to look in; None: all of them."""


class Hit(NamedTuple):
    ref: Ref
    subject: Subject
    host: str | None
    field: str
    value: str


class Way(enum.Enum):
    """Each with how a column is asked, in its words."""

    EXACT = "{} = :words"
    # Ranges and not patterns, of which a prepared statement finds no index.
    PREFIX = "{0} ~>~ :words AND {0} ~<~ :behind"
    WITHIN = "{} LIKE :pattern"


class _Table(NamedTuple):
    """What is looked at of a kind: columns by field, and which hosts it names."""

    columns: tuple[tuple[str, str], ...] = ()
    host: str = "NULL"
    on: tuple[str, str] = ("NULL", "NULL")


_TABLES: Mapping[Kind, _Table] = {
    Kind.HOST: _Table((("vtep", "vtep_ipv4"), ("vtep", "vtep_ipv6"))),
    Kind.BRIDGE: _Table((("interface", "interface"),), "host", ("host_uid", "NULL")),
    Kind.SEGMENT: _Table((("vni", "CAST(vni AS text)"),)),
    Kind.PORT: _Table(
        (("mac", "mac"), ("iface_id", "iface_id")), "host", ("host_uid", "migrating_to_uid")
    ),
    Kind.TUNNEL: _Table(
        (("vni", "CAST(key AS text)"), ("address", "a_ip"), ("address", "b_ip")),
        "a_host",
        ("a_host_uid", "b_host_uid"),
    ),
    Kind.MIRROR: _Table((), "spec ->> 'host'", ("host_uid", "NULL")),
}


def search(tx: Transaction, question: Question) -> list[Hit]:
    """The best ``limit``, each object once."""
    if not (question.words and question.kinds and objects.can_be_stored(question.words)):
        return []
    found: dict[UUID, Hit] = {}
    for way in Way:
        for hit in _find(tx, question, way):
            found.setdefault(hit.subject.uid, hit)
        if len(found) >= question.limit:
            break
    return list(found.values())[: question.limit]


def _find(tx: Transaction, question: Question, way: Way) -> Iterator[Hit]:
    asked = _asked(question.words)
    query = _query(way, question.kinds, frozenset(asked))
    values: dict[str, Any] = {
        "given": question.words,
        **_spellings(question.words.lower()),
        **{f"given_{name}": value for name, value in _spellings(question.words).items()},
        "most": question.limit,
        **{_within(kind): question.projects[kind] for kind in question.kinds},
    }
    for more in asked.values():
        values |= more
    rows = tx.execute(query.statement, {name: values[name] for name in query.names})
    return _fairly(sorted(map(_hit, rows), key=_in_order), question.kinds)


def _fairly(hits: Iterable[Hit], kinds: tuple[Kind, ...]) -> Iterator[Hit]:
    """Some of every kind, then some more."""
    by_kind: dict[Kind, dict[UUID, Hit]] = {kind: {} for kind in kinds}
    for hit in hits:
        by_kind[hit.ref.kind].setdefault(hit.subject.uid, hit)
    left = [list(found.values()) for found in by_kind.values()]
    while any(left):
        for each in left:
            yield from each[:_AT_ONCE]
        left = [each[_AT_ONCE:] for each in left]


def _in_order(hit: Hit) -> tuple[str, str, str]:
    return hit.value, hit.ref.project, hit.ref.name


def _hit(row: Any) -> Hit:
    hosts = tuple(host for host in (row.on_one, row.on_other) if host is not None)
    subject = Subject(row.uid, row.revision, hosts)
    return Hit(Ref(Kind(row.kind), row.project, row.name), subject, row.host, row.field, row.value)


def _spellings(words: str) -> dict[str, str]:
    """What each way asks with."""
    escaped = re.sub(r"([\\%_])", r"\\\1", words)
    return {"words": words, "behind": words + _BEHIND_ALL, "pattern": f"%{escaped}%"}


# --- what the words may be beside a part of a name -----------------------------------------------


def _asked(words: str) -> dict[str, dict[str, Any]]:
    """By what they may be, the values to ask for."""
    found: dict[str, dict[str, Any]] = {}
    key, is_label, value = words.partition("=")
    if is_label and key:
        found["label"] = {"label": json.dumps({key: value})}
    if (address := _address(words)) is not None:
        lengths = [f"{address}/{length}" for length in _LENGTHS]
        found["address"] = {"address": address, "addresses": lengths}
    digits = words.lower().replace("-", "")
    if _UID.fullmatch(words.lower()) and len(digits) <= _DIGITS:
        first, last = (UUID(digits.ljust(_DIGITS, fill)) for fill in "0f")
        found["uid"] = {"first": first, "last": last}
    if ":" in words and set(words.lower()) <= _OF_MACS:
        found["mac"] = {}
    return found


def _address(words: str) -> str | None:
    try:
        return str(ipaddress.ip_address(words.partition("/")[0]))
    except ValueError:
        return None


# --- queries -------------------------------------------------------------------------------------


class _Query(NamedTuple):
    statement: TextClause
    names: frozenset[str]
    """Of its parameters."""


class _Look(NamedTuple):
    """What is asked of an object, and what it is found by."""

    field: str
    value: str
    is_meant: str


@cache
def _query(way: Way, kinds: tuple[Kind, ...], asked: frozenset[str]) -> _Query:
    """Made once for each of the few combinations: it is long, and always the same."""
    parts = [
        part
        for kind in kinds
        for part in (_of_ports if kind is Kind.PORT else _of_few)(kind, [*_looks(kind, way, asked)])
    ]
    words = " UNION ALL ".join(f"({part})" for part in parts)
    return _Query(text(words), frozenset(re.findall(r"(?<!:):(\w+)", words)))


def _looks(kind: Kind, way: Way, asked: frozenset[str]) -> Iterator[_Look]:
    for field, column in (("name", "name"), *_TABLES.get(kind, _Table()).columns):
        if way is not Way.WITHIN or field != "mac" or "mac" in asked:
            yield _Look(field, column, _meant(way, field, column))
    if way is Way.WITHIN:
        return
    if "uid" in asked:
        yield _Look("uid", "CAST(uid AS text)", "uid BETWEEN :first AND :last")
    if way is Way.EXACT:
        if "label" in asked:
            yield _Look("label", ":given", "labels @> CAST(:label AS jsonb)")
        if "address" in asked:
            yield from _addressed(kind)


def _meant(way: Way, field: str, column: str) -> str:
    match field:
        case "iface_id":  # Its index is of the letters as they are, and so is what Nova wrote.
            return re.sub(":([a-z]+)", r":given_\1", way.value).format(column)
        case "interface":
            return way.value.format(f"lower({column})")
        case _:
            return way.value.format(column)


def _addressed(kind: Kind) -> Iterator[_Look]:
    """However an address is written. Those of ports stand with the lengths of their prefixes."""
    match kind:
        case Kind.PORT:
            has_it = "addresses <> '{}' AND addresses && CAST(:addresses AS text[])"
            yield _Look("address", ":given", has_it)
        case Kind.SEGMENT:
            has_it = "mentions IS NOT NULL AND mentions @> ARRAY[CAST(:address AS text)]"
            yield _Look("vtep", ":address", has_it)
        case _:
            for field, column in _TABLES.get(kind, _Table()).columns:
                if field in ("vtep", "address"):
                    yield _Look(field, column, f"{column} = :address")


def _of_few(kind: Kind, looks: list[_Look]) -> Iterator[str]:
    """One part, for what is read whole anyway."""
    field, value = (_first(looks, each) for each in ("'{0.field}'", "CAST({0.value} AS text)"))
    is_meant = " OR ".join(f"({look.is_meant})" for look in looks)
    table = VERSIONED[kind].__tablename__
    yield (
        f"SELECT {_columns(kind)}, {field} AS field, {value} AS value FROM {table}"  # noqa: S608
        f" WHERE valid_to IS NULL AND ({is_meant}) AND {_is_seen(kind)}"
        " ORDER BY name USING ~<~, project LIMIT :most"
    )


def _first(looks: list[_Look], template: str) -> str:
    whens = (f"WHEN {look.is_meant} THEN {template.format(look)}" for look in looks)
    return f"CASE {' '.join(whens)} END"


def _of_ports(kind: Kind, looks: list[_Look]) -> Iterator[str]:
    """A part for each index, which is all that the inner query reads."""
    for look in looks:
        is_column = look.value.isidentifier()
        order = look.value if is_column else "name"
        is_there = f"{look.value} IS NOT NULL AND " if is_column else ""
        yield (
            f"SELECT {_columns(kind)}, '{look.field}' AS field, few.value FROM ("  # noqa: S608
            f"SELECT uid, CAST({look.value} AS text) AS value FROM port"
            f" WHERE valid_to IS NULL AND side = 0 AND {is_there}{look.is_meant}"
            f" AND {_is_seen(kind)} ORDER BY {order} USING ~<~, project LIMIT :most"
            ") few JOIN port USING (uid) WHERE valid_to IS NULL AND side = 0"
        )


def _columns(kind: Kind) -> str:
    table = _TABLES.get(kind, _Table())
    one, other = table.on
    return (
        f"'{kind.value}' AS kind, uid, project, name, valid_from AS revision,"
        f" CAST({one} AS uuid) AS on_one, CAST({other} AS uuid) AS on_other,"
        f" CAST({table.host} AS text) AS host"
    )


def _is_seen(kind: Kind) -> str:
    name = f"CAST(:{_within(kind)} AS text[])"
    return f"({name} IS NULL OR project = ANY({name}))"


def _within(kind: Kind) -> str:
    return f"in_{kind.name}"
