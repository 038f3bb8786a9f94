"""Lists: pages, labels, and a number of queries that does not grow with the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event

from controller.domain.errors import InvalidError
from controller.domain.filtering import Comparison, Operator, Some
from controller.domain.host_grouping import parse_group_by
from controller.domain.intent import Backend, Kind, Manifest, Ref, SegmentSpec
from controller.domain.label_selectors import Selector
from controller.services import changes, desired, effective, queries, status
from controller.services.effective_hosts import Narrowed, host_tunnels
from controller.services.object_realization import object_realization
from controller.services.queries import Page
from controller.services.realization import realization
from controller.services.status import HostReport, Outcome, ReportedFailure, SessionStart
from controller.services.topology import Asked, topology
from controller.store.engine import Database
from controller.store.listing import Order, OrderBy
from tests.support.manifests import ADMIN, apply, bridge, host, port, segment, tunnel

pytestmark = pytest.mark.integration

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def counted(db: Database) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(db._engine, "before_cursor_execute", note)
    yield statements
    event.remove(db._engine, "before_cursor_execute", note)


def fill(db: Database, size: int) -> None:
    """A fleet of ``size`` hosts, all of them on two segments, each with something wrong."""
    numbers = range(1, size + 1)
    result = apply(
        db,
        *(host(n) for n in numbers),
        segment("red"),
        segment("blue"),
        *(port(f"r{n}", f"h{n}", segment="red") for n in numbers),
        *(port(f"b{n}", f"h{n}", segment="blue") for n in numbers),
        *(bridge(f"br-{n}", f"h{n}") for n in numbers),
        segment("kernel", backend=Backend.KERNEL),
        *(port(f"k{n}", f"h{n}", segment="kernel") for n in numbers),
        *(tunnel(f"t{n}", f"h{n}/br-{n}", f"h{n + 1}/br-{n + 1}") for n in numbers[:-1]),
    )
    for created in result.results:
        if created.ref.kind is Kind.HOST and created.uid is not None:
            epoch = status.open_session(db, created.uid, SessionStart("n", "1"), now=NOW)
            trouble = ReportedFailure("overlay", "conflict", "Foreign", "in the way")
            report = HostReport(result.revision, result.revision, b"h", Outcome.APPLIED, (trouble,))
            status.record(db, created.uid, epoch, report, now=NOW)


def _list(kind: Kind) -> Callable[[Database], object]:
    return lambda db: queries.list_views(db, ADMIN, kind, None, page_size=500)


def _ports_of_a_host(db: Database) -> object:
    return queries.list_views(db, ADMIN, Kind.PORT, None, page_size=500, host="h1")


def _ports_asked_for(db: Database) -> object:
    asked = Some((Comparison("spec.host", Operator.EQUAL, "h1"),))
    order = Order(OrderBy.UPDATED_AT, is_descending=True)
    return queries.list_views(db, ADMIN, Kind.PORT, None, page_size=500, asked=asked, order=order)


def _sought_tunnels(db: Database) -> object:
    return host_tunnels(db, ADMIN, "h1", Narrowed(("foreign", "red")), page_size=1)


def _batch(db: Database) -> object:
    page = queries.list_views(db, ADMIN, Kind.HOST, None, page_size=500)
    uids = [view.object.uid for view in page.items]
    return desired.load_host_intents(db, uids, confirmed={})


def _topology(db: Database, by: str) -> object:
    return topology(db, db, ADMIN, Asked(parse_group_by(by), Selector()), now=NOW)


READS: dict[str, tuple[Callable[[Database], object], int]] = {
    "hosts": (_list(Kind.HOST), 4),
    "bridges": (_list(Kind.BRIDGE), 4),
    "segments": (_list(Kind.SEGMENT), 6),
    "ports": (_list(Kind.PORT), 5),
    "tunnels": (_list(Kind.TUNNEL), 4),
    "ports of a host": (_ports_of_a_host, 6),
    "ports asked for in an order": (_ports_asked_for, 5),
    "how far a segment is": (
        lambda db: object_realization(db, ADMIN, Kind.SEGMENT, "default", "red"),
        6,
    ),
    "tunnels of a host": (lambda db: host_tunnels(db, ADMIN, "h1", page_size=50), 27),
    "a page of the tunnels of a host": (lambda db: host_tunnels(db, ADMIN, "h1", page_size=1), 27),
    "tunnels of a host that words are in": (_sought_tunnels, 27),
    "tunnels of a segment": (
        lambda db: effective.segment_tunnels(db, ADMIN, "default", "kernel", page_size=50),
        9,
    ),
    "topology of hosts": (lambda db: _topology(db, "host"), 15),
    "topology of groups": (lambda db: _topology(db, "group"), 15),
    "summary": (lambda db: queries.summary(db, ADMIN, Kind), 25),
    "failures": (lambda db: queries.failures(db, ADMIN, "h1"), 3),
    "host intents": (_batch, 27),
    "changed statuses": (lambda db: status.changed_since(db, 0), 5),
    "realization": (lambda db: realization(db, ADMIN, 1), 6),
    "dirty hosts": (lambda db: changes.dirty_hosts(db, 0, 1), 1),
}


def test_no_read_takes_more_queries_for_more_objects(db: Database) -> None:
    for size in (2, 12):
        fill(db, size)
        for name, (read, expected) in READS.items():
            with counted(db) as statements:
                read(db)
            assert len(statements) == expected, (name, size, statements)


def test_a_change_takes_the_same_queries_whatever_the_size_of_the_fleet(db: Database) -> None:
    counts = []
    for size in (2, 12):
        fill(db, size)
        for mtu in (1300, 1310):
            with counted(db) as statements:
                apply(db, port(f"extra{size}", "h1", segment="red", mtu=mtu))
            counts.append(len(statements))
    assert counts[0] == counts[2]
    assert counts[1] == counts[3]


def test_pages_follow_each_other_without_gap_or_repetition(db: Database) -> None:
    apply(db, *(segment(f"s{n:02}") for n in range(11)))
    names: list[str] = []
    page = Page((), "", 0)
    while True:
        page = queries.list_views(
            db, ADMIN, Kind.SEGMENT, "default", page_size=4, after=page.next_after
        )
        names += [view.object.name for view in page.items]
        if not page.next_after:
            break
    assert names == [f"s{n:02}" for n in range(11)]


def test_a_page_is_narrowed_by_labels(db: Database) -> None:
    apply(db, labelled("a", tier="gold", zone="1"), labelled("b", tier="gold"), labelled("c"))
    for labels, names in (
        ({"tier": "gold"}, ["a", "b"]),
        ({"tier": "gold", "zone": "1"}, ["a"]),
        ({"tier": "lead"}, []),
        ({}, ["a", "b", "c"]),
    ):
        page = queries.list_views(db, ADMIN, Kind.SEGMENT, None, page_size=10, labels=labels)
        assert [view.object.name for view in page.items] == names


def test_a_question_that_the_database_cannot_be_asked_is_invalid(db: Database) -> None:
    with pytest.raises(InvalidError):
        queries.list_views(db, ADMIN, Kind.SEGMENT, None, page_size=10, after="default/a\x00")
    with pytest.raises(InvalidError):
        queries.list_views(db, ADMIN, Kind.SEGMENT, None, page_size=10, labels={"a": "\x00"})


def labelled(name: str, **labels: str) -> Manifest:
    return Manifest(Ref(Kind.SEGMENT, "default", name), SegmentSpec(), labels)
