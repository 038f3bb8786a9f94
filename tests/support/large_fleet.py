"""A fleet of 1,000 hosts and 100,000 ports in a database, for browsers, benchmarks and people.

What tells hosts apart is made by the services, as anybody would make it; the many ports beside the
first of each membership are copies of that, made by the database. It takes seconds, not minutes.

A test of the dashboard that wants it says so by a fixture of its own::

    @pytest.fixture
    def db(large_fleet_url: str) -> Iterator[Database]:
        database = Database(large_fleet_url)
        yield database
        database.close()

For people: ``python -m tests.support.large_fleet`` serves it until it is interrupted.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from uuid import UUID, uuid4

import pytest

from controller.auth import Principal, Role
from controller.domain.intent import Lifecycle, Manifest, Ref
from controller.observability import configure_logging
from controller.services import tokens
from controller.services.intent import Change, commit
from controller.store.engine import Database
from controller.store.migrate import upgrade
from tests.support import large_rows
from tests.support.api import LiveServer, make_app
from tests.support.large_plan import PROJECTS, Ailment, Plan, ailment
from tests.support.large_statuses import Teller
from tests.support.postgres import PostgresServer, running_server

_ADMINS = {
    name: Principal(name, frozenset({Role.NETWORK_ADMIN})) for name in ("ana", "ben", "terraform")
}
_INTERVAL = timedelta(seconds=5)
_COUNTING = 200
"""Hosts that count what passes; of all of them it would take as long as all the rest."""
_AGAIN = timedelta(seconds=60)
"""Rates are of the last two minutes."""
_TEMPLATE = "ovsfleet_large"
_HISTORY = timedelta(minutes=15)
"""For which the first host is known, to draw it."""


Uids: TypeAlias = dict[Ref, UUID]
Furnish: TypeAlias = Callable[[Database], Uids]


@dataclass(frozen=True)
class LargeFleet:
    plan: Plan
    uids: Uids
    """Of everything but the copied ports."""
    took: dict[str, float]
    """Seconds, by what was made."""

    @property
    def hosts(self) -> list[UUID]:
        """In the order of their numbers."""
        return [self.uids[self.plan.host(number).ref] for number in range(self.plan.hosts)]


def make(
    db: Database,
    plan: Plan | None = None,
    *,
    now: datetime | None = None,
    furnish: Furnish | None = None,
) -> LargeFleet:
    """Fill an empty, migrated database; ``now`` is when its hosts reported, and ``furnish`` what
    is changed before they do."""
    plan, now = plan or Plan(), now or datetime.now(UTC)
    took: dict[str, float] = {}
    with _timed(took, "fabric"):
        large_rows.add_projects(db.url, PROJECTS)
        uids = commit_as(db, plan.fabric())
    with _timed(took, "first ports"):
        uids |= commit_as(db, plan.first_ports())
    with _timed(took, "history"):
        _change_one_by_one(db, plan)
    with _timed(took, "all ports"):
        large_rows.multiply_ports(db.url, plan.ports_of_a_host)
    if furnish is not None:
        uids |= furnish(db)
    with _timed(took, "statuses"):
        Teller(db, plan, uids, now).tell_all()
    fleet = LargeFleet(plan, uids, took)
    with _timed(took, "rates"):
        count(db, fleet, now)
    with _timed(took, "analysis"):
        large_rows.analyze(db.url)
    return fleet


def count(db: Database, fleet: LargeFleet, now: datetime) -> None:
    """Let the first hosts have rates now, and the very first one a past."""
    hosts = fleet.hosts[:_COUNTING]
    large_rows.count(db, hosts, [now - _INTERVAL, now])
    times = [now - n * _INTERVAL for n in range(_HISTORY // _INTERVAL)]
    large_rows.count(db, hosts[:1], times)


@contextmanager
def _timed(took: dict[str, float], what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    took[what] = time.monotonic() - started


def commit_as(db: Database, manifests: Iterable[Manifest], by: str = "terraform") -> Uids:
    """Change intent as one of ``ana``, ``ben`` and ``terraform``; answers what is there now."""
    result = commit(db, _ADMINS[by], Change(tuple(manifests)), request_id="large-fleet")
    return {each.ref: each.uid for each in result.results if each.uid is not None}


def _change_one_by_one(db: Database, plan: Plan) -> None:
    """What people did to it later: labels, and hosts that are being worked on."""
    for number in range(plan.changes):
        host = plan.host(number * 7 % plan.hosts)
        labels = {**host.labels, "checked": f"week-{number + 1}"}
        commit_as(db, [replace(host, labels=labels)], by=("ana", "ben")[number % 2])
    halted = [n for n in range(plan.hosts) if ailment(n) is Ailment.MAINTENANCE]
    commit_as(db, [plan.host(n, Lifecycle.MAINTENANCE) for n in halted], by="ana")


@pytest.fixture(scope="session")
def _large_template(postgres_server: PostgresServer, _template: str) -> str:
    postgres_server.execute(f"CREATE DATABASE {_TEMPLATE} TEMPLATE {_template} STRATEGY FILE_COPY")
    db = Database(postgres_server.url(_TEMPLATE))
    make(db)
    db.close()
    return _TEMPLATE


@pytest.fixture(scope="module")
def large_fleet_url(postgres_server: PostgresServer, _large_template: str) -> Iterator[str]:
    """The whole fleet, in a database for all tests of a module; made once in a run."""
    name = f"large_{uuid4().hex}"
    postgres_server.execute(f"CREATE DATABASE {name} TEMPLATE {_large_template} STRATEGY FILE_COPY")
    yield postgres_server.url(name)
    postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def served(
    plan: Plan | None = None, furnish: Furnish | None = None
) -> Iterator[tuple[LargeFleet, Database, LiveServer, str]]:
    """A whole fleet behind a real server, with an admin's token, for what is no test."""
    configure_logging("warning", "console", "large fleet")
    with running_server() as server:
        server.execute(f"CREATE DATABASE {_TEMPLATE}")
        upgrade(server.url(_TEMPLATE))
        db = Database(server.url(_TEMPLATE), pool_size=20)
        fleet = make(db, plan, furnish=furnish)
        secret = tokens.ensure_admin(db, now=datetime.now(UTC))
        live = LiveServer(make_app(db))
        live.start()
        try:
            yield fleet, db, live, secret or ""
        finally:
            live.stop()
            db.close()


def _serve() -> None:
    with served() as (fleet, db, live, secret), suppress(KeyboardInterrupt):
        took = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in fleet.took.items())
        sys.stdout.write(f"{took}\n{live.url} token {secret}\n")
        sys.stdout.flush()
        while True:
            time.sleep(_AGAIN.total_seconds())
            count(db, fleet, datetime.now(UTC))


if __name__ == "__main__":
    _serve()
