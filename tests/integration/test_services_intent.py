"""Changes of intent on a real PostgreSQL: atomic, ordered, numbered, and readable as slices."""

from __future__ import annotations

import pytest

from controller.domain.errors import ConflictError, InvalidError, StaleError
from controller.domain.intent import SegmentSpec
from controller.services import changes, desired
from controller.services.intent import Action, Change, commit
from controller.store.engine import Database
from tests.support.manifests import ADMIN, apply, bridge, host, port, remove, removal, segment

pytestmark = pytest.mark.integration


def test_what_was_committed_is_what_the_host_is_compiled_from(db: Database) -> None:
    result = apply(
        db,
        host(1),
        host(2),
        segment("red", mtu=1400),
        port("p1", "h1", segment="red", addresses=("10.0.0.1/24",)),
        port("p2", "h2", segment="red"),
        bridge("br-x", "h1"),
        port("x1", "h1", bridge="br-x", tag=7),
    )
    assert result.revision == 1
    assert {entry.action for entry in result.results} == {Action.CREATED}
    uids = {entry.ref.name: entry.uid for entry in result.results}

    intent = desired.load_host_intent(db, uids["h1"])

    assert intent.revision == 1
    assert intent.host.name == "h1"
    assert {p.name for p in intent.ports} == {"p1", "x1"}
    assert {b.name for b in intent.bridges} == {"br-x"}
    (red,) = intent.segments
    assert isinstance(red.segment.spec, SegmentSpec)
    assert red.segment.spec.vni == 10_000
    assert {m.name for m in red.members} == {"h1", "h2"}
    assert intent.local_vlans == {uids["red"]: 1}
