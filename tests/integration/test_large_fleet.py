"""The large fleet that browsers and benchmarks have, made smaller, and as a graph."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from controller.domain.host_grouping import parse_group_by
from controller.domain.intent import Kind
from controller.domain.label_selectors import Selector
from controller.domain.status import Phase
from controller.services import queries
from controller.services.topology import Asked, Topology, topology
from controller.store.engine import Database
from tests.support.large_fleet import make
from tests.support.large_plan import Plan
from tests.support.manifests import ADMIN

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)
PLAN = Plan(hosts=200, segments=6, ports=2000, zones=4, changes=2)


@pytest.fixture(scope="module")
def db(shared_database_url: str) -> Iterator[Database]:
    database = Database(shared_database_url)
    make(database, PLAN)
    yield database
    database.close()


def by(db: Database, group_by: str) -> Topology:
    return topology(db, db, ADMIN, Asked(parse_group_by(group_by), Selector()), now=NOW)


def test_many_hosts_stand_in_zones_and_no_tunnel_is_lost(db: Database) -> None:
    zones, one = by(db, "auto"), by(db, "label:nothing")
    assert [len(node.of.hosts) for node in zones.nodes] == [50] * 4
    assert sum(each.edge.tunnels for each in zones.edges) == one.edges[0].edge.tunnels
    members = [len(PLAN.members(number)) for number in range(PLAN.segments)]
    hub_and_spoke = members.pop(5) - 1
    full = sum(size * (size - 1) // 2 for size in members)
    assert one.edges[0].edge.tunnels == full + hub_and_spoke + 20


def test_the_fleet_for_tests_has_all_that_it_should(db: Database) -> None:
    hosts = queries.phases(db, ADMIN, Kind.HOST)
    assert all(hosts[phase] for phase in Phase)
    assert sum(queries.phases(db, ADMIN, Kind.PORT).values()) == PLAN.ports
