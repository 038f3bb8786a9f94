"""Whether a host is as desired, and what on it is not ours: judged without the planner's code."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from agent.columns import Settings
from agent.fragments import SegmentFragment
from agent.model import (
    ID_KEY,
    Backend,
    HostState,
    PatchPeer,
    Port,
    PortType,
    alias,
    segment_id,
    tunnel_id,
)
from agent.observed import Link, ObservedState, OvsBridge, OvsInterface, OvsPort
from tests.support.bridge_satisfaction import bridging_facts, bridging_faults, linux_names
from tests.support.carriage import (
    carriage_faults,
    ends,
    is_own,
    rows_of,
    tunnel_keys,
    tunnel_options,
)

Place = tuple[str, ...]


def shortcomings(
    desired: HostState, observed: ObservedState, excused: Collection[str] = ()
) -> list[str]:
    """What is not as desired, leaving out the resources that failures name."""
    return [
        f"{resource}: {words}"
        for resource, words in _shortcomings(desired, observed)
        if resource not in excused
    ]


def foreign_part(observed: ObservedState, owner: str) -> dict[Place, object]:
    """Every row and device that is not ours, without what the datapath itself writes."""
    part: dict[Place, object] = {}
    made: set[str] = set()
    for bridge in observed.bridges.values():
        own_bridge = is_own(bridge.external_ids, owner)
        if not own_bridge:
            part["bridge", bridge.name] = _bridge_facts(bridge)
        for port in bridge.ports:
            own = is_own(port.external_ids, owner) or (own_bridge and port.name == bridge.name)
            if own:
                made |= {each.name for each in port.interfaces if each.type == "internal"}
            else:
                part["port", bridge.name, port.name] = _port_facts(port)
    for link in observed.links.values():
        is_made = link.name in made or link.name.startswith("vxlan_sys_")
        if not link.kind and not link.alias and not is_made:
            # What it carries and how it is set up may be intent's; that it is there is not.
            bare = replace(link, master="", bridge_port_attributes={}, vlans=frozenset())
            part["link", link.name] = replace(bare, mtu=0, up=False)
        elif not is_made and not link.alias.startswith(alias(owner, "")):
            part["link", link.name] = link
    ours = {link.peer_ifindex for link in observed.links.values() if _is_own_link(link, owner)}
    for place, peer in observed.peers.items():
        if peer.ifindex not in ours:
            part["peer", *place] = peer
    return part


def own_part(observed: ObservedState, owner: str) -> dict[Place, object]:
    """Every row and device that is ours, as far as intent determines it."""
    part: dict[Place, object] = {}
    for bridge in observed.bridges.values():
        if is_own(bridge.external_ids, owner):
            facts = _bridge_facts(bridge)
            part["bridge", bridge.name] = facts
        for port in bridge.ports:
            if is_own(port.external_ids, owner):
                part["port", bridge.name, port.name] = _port_facts(port)
    for link in observed.links.values():
        if _is_own_link(link, owner):
            mtu = None if link.name in observed.bridges else link.mtu  # follows the ports' MTUs
            place = (link.alias, link.master)
            part["link", link.name] = (link.kind, mtu, link.up, place, link.owned_addresses)
            part["bridging", link.name] = bridging_facts(link)
            if link.vxlan is not None:
                part["vxlan", link.name] = (link.vxlan, link.mac, observed.fdb[link.name])
            part["neighbours", link.name] = observed.neighbours.get(link.name)
    ours = {link.peer_ifindex for link in observed.links.values() if _is_own_link(link, owner)}
    for place, peer in observed.peers.items():
        if peer.ifindex in ours:
            part["peer", *place] = (peer.mtu, peer.up, peer.owned_addresses)
    return part


def foreign_addresses(observed: ObservedState) -> dict[int, frozenset[str]]:
    """What others gave each device, ours included, by ifindex: a device made anew has another."""
    return {
        link.ifindex: link.addresses - link.owned_addresses
        for link in (*observed.links.values(), *observed.peers.values())
    }


def _shortcomings(desired: HostState, observed: ObservedState) -> Iterator[tuple[str, str]]:
    yield from bridging_faults(desired, observed)
    linux = linux_names(desired)
    of_ovs = (bridge for bridge in desired.bridges if bridge.name not in linux)
    for bridge in (*of_ovs, *([desired.overlay] if desired.overlay else [])):
        row = observed.bridges.get(bridge.name)
        if row is None or row.external_ids.get(ID_KEY) != bridge.id:
            yield bridge.id, f"no bridge {bridge.name}"
        elif (row.datapath_type or "system", row.fail_mode) != (
            bridge.datapath_type.value,
            "standalone",
        ):
            yield bridge.id, f"bridge {bridge.name} is {row}"
        else:
            yield from ((bridge.id, each) for each in settings_faults(bridge.settings, row))
    for port in desired.ports:
        yield from ((port.id, words) for words in _port_faults(desired, port, observed))
    yield from _tunnel_faults(desired, observed)
    yield from carriage_faults(desired, observed)
    for resource in _own_ids(desired.fleet_uid, observed):
        covers = resource.replace("tunnel:", "segment:").partition("/")[0]
        if {resource, covers} & (desired.removed - _ids_of(desired)) and resource not in _ids_of(
            desired
        ):
            yield resource, "was deleted by intent and is still there"


def _port_faults(desired: HostState, port: Port, observed: ObservedState) -> Iterator[str]:
    of_segments = {each.linux_bridge for each in desired.attachments} - {""}
    if port.bridge in of_segments | linux_names(desired):
        yield from _enslaved_faults(desired, port, observed)
        return
    if port.patch is not None:
        yield from _patch_faults(desired, port, port.patch, observed)
        return
    if port.type is PortType.BOUND:
        yield from _bound_faults(desired.fleet_uid, port, observed)
        return
    row = _row_of(desired.fleet_uid, port.id, observed, port.bridge)
    if row is None or row.name != port.interface:
        yield f"no port {port.interface} on {port.bridge}"
        return
    yield from _row_faults(port, row)
    if port.type is PortType.BOND:
        if {each.name for each in row.interfaces} != set(port.members):
            yield f"interfaces are {row.interfaces}"
        return
    yield from _device_faults(port, row.interfaces[0], observed)


def _bound_faults(fleet: str, port: Port, observed: ObservedState) -> Iterator[str]:
    """Of somebody else's row, the tag and the mark alone are intent's."""
    bridge = observed.bridges.get(port.bridge)
    guests = [
        (row.tag, row.external_ids.get("ovsfleet-bound"))
        for row in (bridge.ports if bridge else ())
        if port.iface_id in {each.external_ids.get("iface-id") for each in row.interfaces}
    ]
    if guests != [(port.tag, f"{fleet}/{port.id}")]:
        yield f"guests are {guests}"


def _row_faults(port: Port, row: OvsPort) -> Iterator[str]:
    if (row.tag or 0, row.trunks, row.vlan_mode or "", row.protected) != (
        port.tag,
        port.trunks,
        port.vlan_mode,
        port.settings.columns.get("protected") == (True,),
    ):
        yield f"row is {row}"
    yield from settings_faults(port.settings, row)
    for interface in row.interfaces:
        yield from settings_faults(port.interface_settings, interface)
        if (interface.ofport or -1) < 0 or interface.error:
            yield f"interface is {interface}"


def _patch_faults(
    desired: HostState, port: Port, patch: PatchPeer, observed: ObservedState
) -> Iterator[str]:
    rows = {row.name: row for row in rows_of(desired.fleet_uid, port.id, observed)}
    ends = {
        (bridge.name, row.name, row.interfaces[0].type, row.interfaces[0].options.get("peer"))
        for bridge in observed.bridges.values()
        for row in bridge.ports
        if row.name in rows
    }
    if ends != {
        (port.bridge, port.interface, "patch", patch.interface),
        (patch.bridge, patch.interface, "patch", port.interface),
    }:
        yield f"ends are {ends}"
        return
    yield from _row_faults(port, rows[port.interface])
    if (rows[patch.interface].tag or 0) != patch.tag:
        yield f"far end is {rows[patch.interface]}"


def settings_faults(settings: Settings, row: OvsBridge | OvsPort | OvsInterface) -> Iterator[str]:
    """Where a row is not as intent says of the columns that it names."""
    for column, atoms in settings.columns.items():
        have = row.settings.columns.get(column, ())
        is_default = column not in row.settings.columns and atoms in ((), (0,), (False,))
        if column not in ("protected", "fail_mode") and have != atoms and not is_default:
            yield f"{column} is {have} and not {atoms}"
    for column, keys in settings.maps.items():
        found = row.external_ids if column == "external_ids" else row.settings.maps.get(column, {})
        if not keys.items() <= found.items():
            yield f"{column} is {found} without {keys}"


def _enslaved_faults(desired: HostState, port: Port, observed: ObservedState) -> Iterator[str]:
    near = observed.links.get(port.interface)
    if near is None or near.master != port.bridge:
        yield f"device is {near}"
    if rows := rows_of(desired.fleet_uid, port.id, observed):
        yield f"rows are {rows}"
    yield from _device_faults(port, OvsInterface(port.interface), observed)


def _device_faults(port: Port, interface: OvsInterface, observed: ObservedState) -> Iterator[str]:
    near = observed.links.get(port.interface)
    if near is None:
        yield "no device"
        return
    end: Link | None = near
    if port.type is PortType.VETH:
        assert port.peer is not None
        end = observed.peers.get((port.peer.netns, port.peer.interface))
        if end is None or (end.peer_ifindex, near.peer_ifindex) != (near.ifindex, end.ifindex):
            yield f"{end} is not the peer of {near}"
            return
    elif interface.type != ("internal" if port.type is PortType.INTERNAL else ""):
        yield f"interface is {interface}"
    assert end is not None
    ups = (near.up, end.up) if end is not near else (near.up, True)
    if ups != (not port.admin_down, True) or not near.mtu == end.mtu == (port.mtu or near.mtu):
        yield f"devices are {near} {end}"
    if port.type is PortType.TAP and (near.kind != "tun" or not near.quiet):
        yield f"device is {near}"
    if port.type in (PortType.TAP, PortType.SYSTEM):
        return  # whoever opens it, or it itself, has the address
    surplus = end.owned_addresses - port.addresses
    if surplus or not port.addresses <= end.addresses or (port.mac and end.mac != port.mac):
        yield f"workload's end is {end}"


def _tunnel_faults(desired: HostState, observed: ObservedState) -> Iterator[tuple[str, str]]:
    for attachment in desired.attachments:
        if attachment.backend is not Backend.OVS:
            continue
        fragment = desired.fragments[attachment.fragment_hash]
        for end, vtep, protected in ends(fragment, desired.host_uid):
            resource = tunnel_id(fragment.segment_uid, end)
            rows = rows_of(desired.fleet_uid, resource, observed)
            wanted = tunnel_keys(fragment, desired.host_uid, end, vtep)
            found = [_end(row) for row in rows]
            is_right = len(found) == len(wanted) and set(found) == wanted
            place = attachment.local_vlan, protected
            if not (is_right and all(_is_tunnel(row, place, fragment) for row in rows)):
                yield resource, f"rows are {rows}"


def _end(row: OvsPort) -> tuple[str, str]:
    options = row.interfaces[0].options
    return options.get("local_ip", ""), options.get("remote_ip", "")


def _is_tunnel(row: OvsPort, place: tuple[int, bool], fragment: SegmentFragment) -> bool:
    options = {
        "key": str(fragment.vni),
        "dst_port": str(fragment.dst_port),
        **tunnel_options(fragment.options),
    }
    interface = row.interfaces[0]
    return (
        (row.tag, row.protected) == place
        and options.items() <= interface.options.items()
        and interface.settings.maps.get("bfd", {}) == fragment.options.bfd
        and (interface.ofport or -1) > 0
    )


def _ids_of(desired: HostState) -> set[str]:
    return {
        *(tunnel.id for tunnel in desired.tunnels),
        *(bridge.id for bridge in desired.bridges),
        *(port.id for port in desired.ports),
        *(["overlay"] if desired.overlay else []),
        *(segment_id(attachment.segment_uid) for attachment in desired.attachments),
        *(
            tunnel_id(fragment.segment_uid, end)
            for fragment in desired.fragments.values()
            for end, _, _ in ends(fragment, desired.host_uid)
        ),
    }


def _own_ids(owner: str, observed: ObservedState) -> set[str]:
    bridges = observed.bridges.values()
    marks = [
        *(bridge.external_ids for bridge in bridges),
        *(port.external_ids for bridge in bridges for port in bridge.ports),
    ]
    marked = {each[ID_KEY] for each in marks if is_own(each, owner)}
    prefix = alias(owner, "")
    aliases = {link.alias for link in observed.links.values() if link.alias.startswith(prefix)}
    return marked | {each.removeprefix(prefix) for each in aliases}


def _row_of(owner: str, resource: str, observed: ObservedState, bridge: str) -> OvsPort | None:
    rows = rows_of(owner, resource, observed)
    on_bridge = observed.bridges[bridge].ports if bridge in observed.bridges else ()
    return rows[0] if len(rows) == 1 and rows[0] in on_bridge else None


def _is_own_link(link: Link, owner: str) -> bool:
    return link.alias.startswith(alias(owner, ""))


def _bridge_facts(bridge: OvsBridge) -> object:
    ids = dict(bridge.external_ids)
    return (bridge.datapath_type, bridge.fail_mode, ids, bridge.settings)


def _port_facts(port: OvsPort) -> object:
    interfaces = [
        (
            *(row.name, row.type, dict(row.options), row.mac, row.mtu_request),
            *(dict(row.external_ids), row.settings),
        )
        for row in sorted(port.interfaces, key=lambda row: row.name)
    ]
    tagging = (port.tag, port.trunks, port.vlan_mode, port.protected)
    return (tagging, dict(port.external_ids), interfaces, port.settings)
