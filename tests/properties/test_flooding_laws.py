"""Law 10 for explicit tunnels: what is let through never loops, and what is refused would have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from controller.compiler import compile_hosts
from controller.domain.errors import DomainError
from controller.domain.intent import (
    DEFAULT_PROJECT,
    Kind,
    Manifest,
    Ref,
    Removal,
    TunnelEnd,
    TunnelSpec,
)
from controller.domain.validation import Draft
from tests.support.frames import Wiring
from tests.support.histories import Request
from tests.support.model_fleet import ModelFleet, bridge, host, pointed

BRIDGES = ("h1-a", "h1-b", "h2-a", "h3-a", "h4-a")
OUTSIDES = ("198.51.100.1", "198.51.100.2")
NAMES = tuple(f"t{number}" for number in range(9))

tags = st.sampled_from([None, None, None, 5, 6])
outside = st.builds(TunnelEnd, ip=st.sampled_from(OUTSIDES))


def inside(bridges: Sequence[str]) -> st.SearchStrategy[TunnelEnd]:
    return st.builds(
        lambda name, tag: TunnelEnd(name[:2], name, tag=tag), st.sampled_from(bridges), tags
    )


@st.composite
def tunnels(draw: st.DrawFn, name: str) -> Manifest:
    first = draw(inside(BRIDGES))
    others = inside([found for found in BRIDGES if found[:2] != first.host])
    second = draw(st.one_of(others, others, outside))
    # Tunnels to one outside VTEP meet there when they share a key.
    key = int(name[1:]) + 100 if second.host else draw(st.sampled_from([7, 8]))
    return Manifest(Ref(Kind.TUNNEL, DEFAULT_PROJECT, name), TunnelSpec((first, second), key))


@st.composite
def histories(draw: st.DrawFn) -> list[Request]:
    """A few requests with a few tunnels each, and now and then one that is deleted meanwhile."""
    requests: list[Request] = []
    names = list(NAMES)
    gone: list[str] = []
    while names:
        batch, names = names[: draw(st.integers(1, 3))], names[3:]
        earlier = [n for n in NAMES if n < batch[0] and n not in gone]
        leaving = draw(st.lists(st.sampled_from(earlier), max_size=1)) if earlier else []
        gone += leaving
        removals = [Removal(Ref(Kind.TUNNEL, DEFAULT_PROJECT, n), missing_ok=True) for n in leaving]
        requests.append((pointed([draw(tunnels(name)) for name in batch]), removals))
    return requests


def bare_fleet() -> ModelFleet:
    fleet = ModelFleet()
    fleet.apply(
        *(host(f"h{n}", f"192.0.2.{n}") for n in range(1, 5)),
        *(bridge(name, name[:2]) for name in BRIDGES),
    )
    return fleet


def as_if_accepted(
    fleet: ModelFleet, manifests: Sequence[Manifest], gone: Sequence[Removal]
) -> ModelFleet:
    twin = replace(fleet, objects=dict(fleet.objects), _closed=[])
    for removal in gone:
        twin.objects.pop(removal.ref, None)
    for manifest in manifests:
        twin._write(Draft(manifest.ref, manifest.spec, {}, ""))
    return twin


def loops(fleet: ModelFleet) -> bool:
    intents = [fleet.host_intent(found.name) for found in fleet.of_kind(Kind.HOST)]
    return Wiring(each.part for each in compile_hosts(intents).values()).frame_comes_twice()


def verdict(fleet: ModelFleet, request: Request) -> set[str]:
    try:
        fleet.commit(*request)
    except DomainError as refusal:
        return {violation.code for violation in refusal.violations}
    return set()


@given(histories())
def test_a_tunnel_is_refused_exactly_when_a_flooded_frame_would_come_a_second_time(
    requests: list[Request],
) -> None:
    fleet = bare_fleet()
    for request in requests:
        would_be = as_if_accepted(fleet, *request)
        codes = verdict(fleet, request)
        if codes <= {"flooding_loop"}:
            assert loops(would_be) == bool(codes)
    assert not loops(fleet)
