"""Many objects in one request cost the same queries as few."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from controller.domain.intent import Manifest
from controller.store.engine import Database
from tests.support.manifests import apply, host, port, remove, segment

pytestmark = pytest.mark.integration


def ports(number: int) -> list[Manifest]:
    return [port(f"p{n}", f"h{n % 10 + 1}", segment=f"s{n % 4}") for n in range(number)]


def statements(db: Database, number: int) -> list[int]:
    """Of creating so many ports, applying them again, changing and deleting them."""
    created = ports(number)
    changed = [dataclasses.replace(each, labels={"tier": "web"}) for each in created]
    written = [_counted(partial(apply, db, *given)) for given in (created, created, changed)]
    return [*written, _counted(partial(remove, db, *created))]


def _counted(work: Callable[[], object]) -> int:
    seen: list[str] = []

    def note(*given: Any) -> None:
        seen.append(given[2])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return len(seen)


def test_the_number_of_queries_does_not_grow_with_the_request(db: Database) -> None:
    apply(db, *(host(n) for n in range(1, 11)), *(segment(f"s{n}") for n in range(4)))
    few, many = statements(db, 40), statements(db, 400)
    assert few == many
