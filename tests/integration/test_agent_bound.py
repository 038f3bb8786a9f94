"""Ports that somebody plugs as libvirt does, on the real Open vSwitch: bound, and let go of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.model import BOUND_KEY, Bridge, DatapathType, HostState, Port, PortType
from agent.observed import OvsPort
from agent.ovsdb.apply import Outcome
from agent.ovsdb.statistics import SwitchStatistics
from agent.planner import make_plan
from agent.stats.collector import current_life
from agent.stats.subjects import bound_rows, interface_series
from tests.support.agent_contract import FLEET, RealHost, compare, on_real
from tests.support.agent_lab import Lab, holds_again
from tests.support.netns import Namespace
from tests.support.ovs import OpenVSwitch

pytestmark = pytest.mark.integration

GUEST = Port("port:g", "", PortType.BOUND, "br-fleet", 2, mtu=1400, iface_id="vif-1")
OTHER = replace(GUEST, id="port:h", iface_id="vif-2", mtu=1300)


def plug(ovs: OpenVSwitch, netns: Namespace, name: str, iface_id: str) -> None:
    """As libvirt does: a TAP device, then one command for the rows."""
    netns.ip("tuntap", "add", name, "mode", "tap")
    netns.ip("link", "set", name, "up")
    ids = {"iface-id": iface_id, "attached-mac": "02:00:00:00:00:09", "iface-status": "active"}
    ovs.vsctl(
        *("add-port", "br-fleet", name, "--", "set", "Interface", name),
        *(f'external_ids:{key}="{value}"' for key, value in ids.items()),
        *("external_ids:vm-id=vm-1", "--", "set", "Port", name, "external_ids:theirs=1"),
    )


def columns(ovs: OpenVSwitch, name: str) -> tuple[str, ...]:
    port = ovs.vsctl("get", "Port", name, "tag", "external_ids")
    return (*port.splitlines(), ovs.vsctl("get", "Interface", name, "mtu_request"))


def untouched(ovs: OpenVSwitch) -> str:
    """What of the guest's rows is never written; the last three are ovs-vswitchd's own."""
    ours = {"tag", "external_ids", "mtu_request", "mtu", "statistics", "_version"}
    rows = [ovs.vsctl("list", table, "tap1") for table in ("Port", "Interface")]
    words = ovs.vsctl("get", "Interface", "tap1", "external_ids")
    lines = (line for row in rows for line in row.splitlines())
    return "\n".join([words, *(each for each in lines if each.split()[0] not in ours)])


async def test_a_guest_is_bound_when_it_comes_and_gets_a_vlan_of_its_own_when_it_is_let_go_of(
    lab: Lab,
) -> None:
    await lab.start()
    first = replace(lab.state(1), ports=(*lab.state(1).ports, GUEST))
    await lab.send(first)
    await lab.reported(
        lambda status: [each.reason for each in status.failures] == ["NotPlugged"], "the guest"
    )
    plug(lab.ovs, lab.host, "tap1", "vif-1")
    before = untouched(lab.ovs)
    await lab.applied(1)
    mark = f"{lab.controller.fleet_uid}/port:g"
    assert columns(lab.ovs, "tap1") == ("2", f'{{{BOUND_KEY}="{mark}", theirs="1"}}', "1400")
    assert lab.host.ip_json("link", "show", "tap1")[0]["mtu"] == 1400
    await lab.controller.until(lambda: "vif-1" in _told(lab), "the iface-id is told")

    written = lab.ovs.transactions()
    await lab.agent.end()
    await lab.start()
    await lab.applied(1)
    assert lab.ovs.transactions() == written

    lab.ovs.vsctl("set", "Port", "tap1", "tag=7")
    holds_again(lambda: _is_tagged(lab, "2"))
    lab.host.ip("link", "set", "tap1", "mtu", "1500")
    holds_again(lambda: _has_mtu(lab, 1400))

    await lab.realize(replace(lab.state(2), removed=frozenset({"port:g"})))
    assert columns(lab.ovs, "tap1") == ("4094", '{theirs="1"}', "[]")
    assert untouched(lab.ovs) == before


def _told(lab: Lab) -> set[str]:
    (bridge,) = lab.controller.session.inventories[-1].bridges
    return {each.iface_id for port in bridge.ports for each in port.interfaces}


def _is_tagged(lab: Lab, tag: str) -> None:
    assert lab.ovs.vsctl("get", "Port", "tap1", "tag") == tag


def _has_mtu(lab: Lab, mtu: int) -> None:
    assert lab.host.ip_json("link", "show", "tap1")[0]["mtu"] == mtu


def desired(*ports: Port, removed: frozenset[str] = frozenset()) -> HostState:
    overlay = Bridge("overlay", "br-fleet", DatapathType.NETDEV)
    return HostState(
        FLEET, 1, 1, b"1", "host-1", "h1", overlay=overlay, ports=ports, removed=removed
    )


def test_guests_are_bound_exchanged_and_let_go_of_alike_and_their_counters_are_read(
    ovs: OpenVSwitch,
) -> None:
    async def body(real: RealHost) -> None:
        await compare(real, make_plan(desired(), await real.look()))
        plug(ovs, ovs.netns, "tap1", "vif-1")
        plug(ovs, ovs.netns, "tap2", "vif-2")
        ovs.vsctl("set", "Interface", "tap2", "mtu_request=1450")
        seen = await compare(real, make_plan(desired(GUEST, OTHER), await real.look()))
        assert make_plan(desired(GUEST, OTHER), seen).describe() == ()
        assert [seen.links[name].mtu for name in ("tap1", "tap2")] == [1400, 1300]
        found = await SwitchStatistics(
            ovs.remote, FLEET, lambda: bound_rows(seen.bridges, FLEET)
        ).poll()
        subjects = {each.subject for each in interface_series(current_life(), found)}
        assert {"port:g", "port:h"} <= subjects

        swapped = desired(replace(GUEST, iface_id="vif-2"), replace(OTHER, iface_id="vif-1"))
        seen = await compare(real, make_plan(swapped, seen))
        assert make_plan(swapped, seen).describe() == ()
        gone = desired(removed=frozenset({"port:g", "port:h"}))
        seen = await compare(real, make_plan(gone, seen))
        assert {row.name: row.tag for row in _guests(seen.bridges["br-fleet"].ports)} == {
            "tap1": 4093,
            "tap2": 4094,
        }
        assert make_plan(gone, seen).describe() == ()
        assert [columns(ovs, name)[-1] for name in ("tap1", "tap2")] == ["[]", "1450"]

        (late,) = make_plan(desired(GUEST), seen).stages
        ovs.vsctl("set", "Interface", "tap1", "external_ids:iface-id=vif-9")
        result = await real._ovsdb.apply(late.ovsdb, "too late", 10.0)
        assert result.outcome is Outcome.TRY_AGAIN
        assert columns(ovs, "tap1")[0] == "4093"

    on_real(ovs.netns, ovs.remote, desired(), body)


def _guests(ports: tuple[OvsPort, ...]) -> list[OvsPort]:
    return [port for port in ports if port.name.startswith("tap")]
