"""Whether segments and explicit tunnels are carried as desired, without the planner's code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agent.fragments import (
    ArpMode,
    Neighbour,
    SegmentFragment,
    SegmentMember,
    Topology,
    TunnelOptions,
)
from agent.model import (
    BROADCAST_FDB,
    ID_KEY,
    OWNER_KEY,
    Backend,
    HostState,
    SegmentAttachment,
    Tunnel,
    alias,
    segment_id,
)
from agent.observed import FdbEntry, ObservedState, OvsPort, Vxlan


def carriage_faults(desired: HostState, observed: ObservedState) -> Iterator[tuple[str, str]]:
    for attachment in desired.attachments:
        resource = segment_id(attachment.segment_uid)
        mark = alias(desired.fleet_uid, resource)
        devices = {link.name for link in observed.links.values() if link.alias == mark}
        if attachment.backend is Backend.OVS:
            if devices:
                yield resource, f"tunnels carry it, and so do {devices}"
            continue
        fragment = desired.fragments[attachment.fragment_hash]
        expected = {f"kx{fragment.vni}", attachment.linux_bridge} - {""}
        if devices != expected:
            yield resource, f"its devices are {devices}, not {expected}"
            continue
        for words in _kernel_faults(desired, attachment, fragment, observed):
            yield resource, words
    for tunnel in desired.tunnels:
        yield from ((tunnel.id, words) for words in _explicit_faults(desired, tunnel, observed))


def _kernel_faults(
    desired: HostState,
    attachment: SegmentAttachment,
    fragment: SegmentFragment,
    observed: ObservedState,
) -> Iterator[str]:
    own = next(each for each in fragment.members if each.host_uid == desired.host_uid)
    device = observed.links[f"kx{fragment.vni}"]
    is_strict = fragment.arp_mode is ArpMode.STRICT
    named = device_attributes(fragment.options, ":" in own.vtep)
    shown = {name: value for name, value in named.items() if value != DEFAULTS.get(name, 0)}
    known = known_vtep(fragment, own)
    addresses = {
        each.partition("/")[0] for link in observed.links.values() for each in link.addresses
    }
    local_ip = known if known in addresses else own.vtep
    wanted = Vxlan(fragment.vni, local_ip, fragment.dst_port, proxy=is_strict, attributes=shown)
    if device.vxlan != wanted:
        yield f"device is {device}"
    yield from _arp_faults(desired.host_uid, attachment, fragment, observed)
    if not (device.up and device.quiet) or (device.mtu, device.master) != (
        fragment.mtu,
        attachment.linux_bridge,
    ):
        yield f"device is {device}"
    table = frozenset(each for each in observed.fdb[device.name] if each.dst)
    if table != known_fdb(desired.host_uid, fragment):
        yield f"forwarding table is {observed.fdb[device.name]}"
    if attachment.linux_bridge:
        bridge = observed.links[attachment.linux_bridge]
        if (bridge.kind, bridge.mtu) != ("bridge", fragment.mtu) or not (
            bridge.up and bridge.quiet
        ):
            yield f"bridge is {bridge}"
        return
    rows = rows_of(desired.fleet_uid, segment_id(attachment.segment_uid), observed)
    facts = [(row.name, row.tag, row.protected, row.interfaces[0].type) for row in rows]
    is_open = all((row.interfaces[0].ofport or -1) > 0 for row in rows)
    if not is_open or facts != [(device.name, attachment.local_vlan, True, "")]:
        yield f"rows are {rows}"


def _arp_faults(
    host: str, attachment: SegmentAttachment, fragment: SegmentFragment, observed: ObservedState
) -> Iterator[str]:
    device, bridge = f"kx{fragment.vni}", attachment.linux_bridge
    suppresses, is_strict = (
        fragment.arp_mode is each for each in (ArpMode.SUPPRESS, ArpMode.STRICT)
    )
    known = known_addresses(host, fragment)
    expected = {bridge: known if suppresses else frozenset(), device: known if is_strict else ()}
    for name in {device, bridge} - {""}:
        found = observed.neighbours.get(name, frozenset())
        if found != frozenset(expected[name]):
            yield f"neighbours of {name} are {found}"
    reachable = {entry.mac for entry in known_fdb(host, fragment)}
    behind = {entry.mac for entry in observed.fdb[device] if not entry.dst}
    if behind != ({each.mac for each in known} & reachable if suppresses else set()):
        yield f"behind {device} are {behind}"
    port = observed.links[device].bridge_port_attributes
    if bool(port.get("IFLA_BRPORT_NEIGH_SUPPRESS")) != suppresses:
        yield f"{device} is a port with {port}"


def known_addresses(host: str, fragment: SegmentFragment) -> frozenset[Neighbour]:
    """The IPv4 addresses that one port alone has, elsewhere."""
    owners: dict[str, list[str]] = {}
    for member in fragment.members:
        for each in member.neighbours:
            owners.setdefault(each.ip, []).append(member.host_uid)
    return frozenset(
        each
        for member in fragment.members
        for each in member.neighbours
        if ":" not in each.ip and member.host_uid != host and len(owners[each.ip]) == 1
    )


DEFAULTS = {"IFLA_VXLAN_UDP_CSUM": 1}


def device_attributes(options: TunnelOptions, is_ipv6: bool) -> dict[str, int]:
    """What of a vxlan device's attributes is as intent says."""
    found: dict[str, int] = {}
    if options.ttl:
        found["IFLA_VXLAN_TTL"] = 0 if options.ttl == "inherit" else int(options.ttl)
        found["IFLA_VXLAN_TTL_INHERIT"] = int(options.ttl == "inherit")
    if options.tos:
        found["IFLA_VXLAN_TOS"] = 1 if options.tos == "inherit" else int(options.tos)
    if options.csum is not None and is_ipv6:
        found["IFLA_VXLAN_UDP_ZERO_CSUM6_TX"] = int(not options.csum)
    elif options.csum is not None:
        found["IFLA_VXLAN_UDP_CSUM"] = int(options.csum)
    if options.df_default is not None:
        found["IFLA_VXLAN_DF"] = int(options.df_default)
    if options.gbp:
        found["IFLA_VXLAN_GBP"] = 1
    if options.flow_label and is_ipv6:
        found["IFLA_VXLAN_LABEL"] = options.flow_label
    if any(options.source_ports):
        low, high = options.source_ports
        found["IFLA_VXLAN_PORT_RANGE"] = low * 65536 + high
    return found


def ends(fragment: SegmentFragment, host: str) -> Iterator[tuple[str, str, bool]]:
    """What names each other end of a host's tunnels, its VTEP, whether the port is protected."""
    split = {
        frozenset((each.a_host_uid, each.b_host_uid)): each.split_horizon for each in fragment.links
    }
    for member in fragment.members:
        pair = frozenset((host, member.host_uid))
        is_linked = fragment.topology is Topology.FULL or pair in split
        if member.host_uid != host and is_linked:
            yield member.host_uid, member.vtep, split.get(pair, True)
    yield from ((vtep, vtep, True) for vtep in fragment.external_vteps)


def former_vtep(fragment: SegmentFragment, uid: str) -> str:
    """Of a member, unless some member has that now; outside of the fleet nobody has one."""
    taken = {each.vtep for each in fragment.members}
    found = (each.former_vtep for each in fragment.members if each.host_uid == uid)
    return next((vtep for vtep in found if vtep not in taken), "")


def known_vtep(fragment: SegmentFragment, member: SegmentMember) -> str:
    """What the kernel sends from and to."""
    former = "" if member.former_is_unused else former_vtep(fragment, member.host_uid)
    return former or member.vtep


def tunnel_keys(fragment: SegmentFragment, host: str, end: str, vtep: str) -> set[tuple[str, str]]:
    """Local and remote address of each tunnel that a host has to one other end."""
    own = next(each.vtep for each in fragment.members if each.host_uid == host)
    if end == vtep:
        return {(own, vtep)}
    local = {own, former_vtep(fragment, host)} - {""}
    return {(here, there) for here in local for there in {vtep, former_vtep(fragment, end)} - {""}}


def tunnel_options(options: TunnelOptions) -> dict[str, str]:
    """Those of an Interface that intent names; others may have given it more."""
    mark = options.egress_pkt_mark
    words = {
        "ttl": options.ttl,
        "tos": options.tos,
        "csum": "" if options.csum is None else str(options.csum).lower(),
        "df_default": "" if options.df_default is None else str(options.df_default).lower(),
        "egress_pkt_mark": "" if mark is None else str(mark),
        "exts": "gbp" if options.gbp else "",
    }
    return {key: word for key, word in words.items() if word}


def known_fdb(host: str, fragment: SegmentFragment) -> frozenset[FdbEntry]:
    """One entry for floods to each remote, one for each MAC that one member alone has."""
    owners: dict[str, list[str]] = {}
    for member in fragment.members:
        for mac in member.macs:
            owners.setdefault(mac, []).append(member.host_uid)
    remotes = [member for member in fragment.members if member.host_uid != host]
    outside = frozenset(FdbEntry(BROADCAST_FDB, vtep) for vtep in fragment.external_vteps)
    return outside | frozenset(
        FdbEntry(mac, known_vtep(fragment, member))
        for member in remotes
        for mac in (BROADCAST_FDB, *(mac for mac in member.macs if len(owners[mac]) == 1))
    )


def _explicit_faults(desired: HostState, tunnel: Tunnel, observed: ObservedState) -> Iterator[str]:
    options = {
        "remote_ip": tunnel.remote_ip,
        "local_ip": tunnel.local_ip,
        "key": str(tunnel.vni),
        "dst_port": str(tunnel.dst_port),
        "ttl": tunnel.ttl,
        "tos": tunnel.tos,
        "csum": "" if tunnel.csum is None else str(tunnel.csum).lower(),
        "df_default": "" if tunnel.df_default is None else str(tunnel.df_default).lower(),
    }
    rows = rows_of(desired.fleet_uid, tunnel.id, observed)
    bridges = [
        each.name for each in observed.bridges.values() if any(row in each.ports for row in rows)
    ]
    if len(rows) != 1 or bridges != [tunnel.bridge]:
        yield f"rows are {rows} on {bridges}"
        return
    (row,), (interface,) = rows, rows[0].interfaces
    if {key: interface.options.get(key, "") for key in options} != options:
        yield f"interface is {interface}"
    if (row.tag or 0, row.protected, row.trunks) != (tunnel.tag, False, frozenset()):
        yield f"row is {row}"
    if (interface.ofport or -1) < 0:
        yield f"interface is {interface}"


def rows_of(owner: str, resource: str, observed: ObservedState) -> list[OvsPort]:
    return [
        port
        for bridge in observed.bridges.values()
        for port in bridge.ports
        if is_own(port.external_ids, owner) and port.external_ids[ID_KEY] == resource
    ]


def is_own(external_ids: Mapping[str, str], owner: str) -> bool:
    return bool(external_ids.get(OWNER_KEY) == owner and external_ids.get(ID_KEY))
