"""Guests on the host, as they are told to the controller: nothing less than whole iface-ids."""

from __future__ import annotations

import pytest
from ovsfleet.v1 import agent_pb2

from agent.controlplane.inventory_codec import LARGEST, encode_inventory
from agent.observed import OvsBridge, OvsInterface, OvsPort
from agent.planner.foreign import MOST_GUESTS, MOST_PORTS, foreign
from tests.support.hosts import FLEET, bare_host


def guest(name: str, iface_id: str, **marks: str) -> OvsPort:
    return OvsPort(name, (OvsInterface(name, external_ids={"iface-id": iface_id, **marks}),))


def other(name: str) -> OvsPort:
    return OvsPort(name, (OvsInterface(name, type="t" * 253, error="e" * 253),))


def told(*ports: OvsPort) -> agent_pb2.Inventory:
    seen = bare_host(bridges={"br-int": OvsBridge("br-int", ports)})
    return encode_inventory(foreign(seen, FLEET))


def named(message: agent_pb2.Inventory) -> int:
    (row,) = message.bridges
    return sum(any(each.iface_id for each in port.interfaces) for port in row.ports)


def test_guests_are_left_out_after_all_other_ports() -> None:
    others = tuple(OvsPort(f"a{number}", ()) for number in range(MOST_PORTS + 1))
    guests = tuple(guest(f"tap{number}", f"vif-{number}") for number in range(MOST_GUESTS + 1))
    both = told(*others, *guests[1:])
    assert (len(both.bridges[0].ports), named(both)) == (MOST_GUESTS + MOST_PORTS, MOST_GUESTS)
    too_many = told(*guests, *others[:1])
    assert (len(too_many.bridges[0].ports), named(too_many)) == (MOST_GUESTS, MOST_GUESTS)
    assert too_many.ports_total == MOST_GUESTS + 2


def test_in_a_message_that_is_too_large_guests_are_left_out_last() -> None:
    others = tuple(other(f"a{number}" + "x" * 200) for number in range(MOST_PORTS))
    guests = tuple(guest(f"t{each}", f"{each}" + "x" * 200, vm="y") for each in range(6000))
    message = told(*others, *guests)
    assert message.ByteSize() <= LARGEST
    assert named(message) == 6000


@pytest.mark.parametrize(("length", "told_of_it"), [(255, 255), (256, 0)])
def test_an_iface_id_is_told_whole_or_not_at_all(length: int, told_of_it: int) -> None:
    (row,) = told(guest("tap1", "x" * length)).bridges
    assert len(row.ports[0].interfaces[0].iface_id) == told_of_it
