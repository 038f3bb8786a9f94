"""Fixtures: the southbound side on a real database, with a first host that is enrolled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.domain.intent import DEFAULT_PROJECT, Kind
from controller.domain.status import Status
from controller.services import queries
from controller.store.engine import Database
from tests.support.agent_end import Identity, Site, TurnableClock, enrol, running_site
from tests.support.manifests import ADMIN, apply, host, segment


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
async def site(db: Database, tmp_path: Path, clock: TurnableClock) -> AsyncIterator[Site]:
    async with running_site(db, tmp_path, clock=clock) as running:
        yield running


@pytest.fixture
async def h1(site: Site) -> Identity:
    """Enrolled, beside a host that is not and a segment that nobody is on."""
    apply(site.db, host(1), host(2), segment("red"))
    return await enrol(site, "h1")


def status_of(db: Database, kind: Kind, name: str) -> Status:
    return queries.get(db, ADMIN, kind, DEFAULT_PROJECT, name).status
