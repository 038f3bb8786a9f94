"""Former VTEPs in what hosts are told: both ends alike, and only as far as a flood can be held."""

from __future__ import annotations

import pytest

from controller.compiler import compile_host
from controller.domain.intent import AddressFamily, Backend, HostSpec
from controller.domain.topology import Topology
from controller.domain.validation.meshes import MAX_REMOTES
from tests.support.model_fleet import ModelFleet, host, port, segment

OLD, NEW = "192.0.2.1", "198.51.100.1"


def told(fleet: ModelFleet, *names: str, of: str = "h1") -> set[tuple[str, str]]:
    """VTEP and former VTEP of a host, as these hosts are told."""
    return {
        (member.vtep, member.former_vtep)
        for name in names
        for fragment in compile_host(fleet.host_intent(name)).fragments.values()
        for member in fragment.members
        if member.host_name == of
    }


def of_members(number: int, **spec: object) -> ModelFleet:
    fleet = ModelFleet()
    names = [f"h{each}" for each in range(1, number + 1)]
    hosts = [
        host(name, f"192.0.{2 + each // 250}.{each % 250 + 1}") for each, name in enumerate(names)
    ]
    ports = [port(f"p-{name}", name, segment="red", interface="red") for name in names]
    fleet.apply(*hosts, segment("red", **spec), *ports)
    return fleet


def test_every_member_is_told_the_former_vtep_of_one_that_moved() -> None:
    fleet = of_members(3)
    fleet.apply(host("h1", NEW))
    assert told(fleet, "h1", "h2", "h3") == {(NEW, OLD)}


def test_nobody_is_told_of_it_where_two_tunnels_side_by_side_could_loop() -> None:
    fleet = of_members(3, topology=Topology.HUB_SPOKE, hubs=("h2",))
    fleet.apply(host("h1", NEW))
    assert told(fleet, "h1", "h2") == {(NEW, "")}


@pytest.mark.parametrize("too_many", [False, True])
def test_a_mesh_that_floods_too_much_already_changes_at_once(
    too_many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = of_members(4)
    fleet.apply(host("h1", NEW))
    # One that moves floods to three others from two addresses, and once more to who moves, too.
    monkeypatch.setitem(MAX_REMOTES, AddressFamily.IPV4, 7 if too_many else 8)
    assert told(fleet, "h1", "h4") == {(NEW, "" if too_many else OLD)}


def test_one_change_too_many_takes_nothing_from_those_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet = of_members(4)
    fleet.apply(host("h1", NEW))
    fleet.apply(host("h2", "198.51.100.2"))
    monkeypatch.setitem(MAX_REMOTES, AddressFamily.IPV4, 8)
    assert told(fleet, "h1", "h4") == {(NEW, OLD)}
    assert told(fleet, "h1", "h4", of="h2") == {("198.51.100.2", "")}


def test_the_kernel_floods_to_as_many_as_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = of_members(4, backend=Backend.KERNEL)
    fleet.apply(host("h1", NEW))
    monkeypatch.setitem(MAX_REMOTES, AddressFamily.IPV4, 7)
    assert told(fleet, "h1", "h4") == {(NEW, OLD)}


def test_what_a_manifest_says_of_former_vteps_counts_for_nothing() -> None:
    fleet = of_members(2)
    fleet.apply(host("h1", OLD, former_vteps=(NEW,)))
    spec = next(each.spec for each in fleet.objects.values() if each.name == "h1")
    assert isinstance(spec, HostSpec)
    assert spec.former_vteps == ()
