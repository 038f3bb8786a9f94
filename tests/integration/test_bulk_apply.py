"""Many objects: one request costs the same queries as for few, and a large mesh is told of."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from controller.domain.intent import Backend, Manifest
from controller.store.engine import Database
from tests.support.api import Api
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


async def test_a_write_that_may_be_regretted_is_done_and_answered_with_a_warning(api: Api) -> None:
    vteps = [f"10.0.{n // 200}.{n % 200 + 1}" for n in range(503)]
    apply(
        api.db,
        segment("wide", backend=Backend.OVS),
        *(host(n, vteps=(vtep,)) for n, vtep in enumerate(vteps)),
        *(port(f"p{n}", f"h{n}", segment="wide") for n in range(501)),
    )
    joining = {"metadata": {"name": "a"}, "spec": {"host": "h501", "interface": "a"}}
    joining["spec"]["segment"] = "wide"
    manifest = "# one more\nkind: Port\nmetadata: {name: b}\n"
    manifest += "spec: {host: h502, interface: b, segment: wide}\n"
    async with api.admin as admin:
        created = await admin.post("/v1/ports", json=joining)
        yaml = {"Content-Type": "application/yaml"}
        applied = await admin.post("/v1/apply", content=manifest, headers=yaml)
        read = await admin.get("/v1/ports/a")
    (warning,) = created.json()["warnings"]
    assert (warning["pointer"], warning["code"]) == ("/spec/segment", "mesh_large")
    assert "up to 501 tunnel ports" in warning["detail"]
    (warning,) = applied.json()["warnings"]
    assert warning["pointer"] == "/objects/0/spec/segment"
    assert warning["detail"].endswith("(line 4)")
    assert "warnings" not in read.json()
