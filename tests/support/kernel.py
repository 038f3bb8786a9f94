"""An in-memory kernel: network devices of one host and of its named namespaces.

Executes the planner's netlink steps as rtnetlink would, with its less friendly habits: deleting one
end of a veth takes the other, an IPv6 address is refused where it is with another prefix length, a
UDP port that another kind of vxlan device has is refused only when a device comes up, a MAC that
leads somewhere stays there when it is somebody else's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import replace

from agent.fragments import Neighbour
from agent.model import BROADCAST_FDB, OUR_KINDS, TapOwner
from agent.observed import FdbEntry, Link, ObservedState, Vxlan
from agent.planner.bridge_steps import (
    BridgeStep,
    SetBridgeAttributes,
    SetBridgePort,
    SetBridgeVlans,
)
from agent.planner.plan import (
    AddAddress,
    AddFdb,
    AddNeighbours,
    CreateLinuxBridge,
    CreateTap,
    CreateVeth,
    CreateVxlan,
    DeleteAddress,
    DeleteFdb,
    DeleteLink,
    DeleteNeighbours,
    NetlinkStep,
    SetLink,
    SetTapOwner,
    SetVxlan,
)
from agent.vxlan_attributes import LIVE, VXLAN
from tests.support.bridging import Bridging
from tests.support.known_addresses import KnownAddresses


class NetlinkRefusedError(Exception):
    """The kernel answered with an error; nothing was changed."""


class Kernel:
    """``links`` are the host's own devices, ``peers`` those of its namespaces."""

    def __init__(self, observed: ObservedState) -> None:
        self.links = dict(observed.links)
        self.peers = dict(observed.peers)
        self.namespaces = set(observed.namespaces)
        self.forwarding: dict[int, dict[FdbEntry, bool]] = {}
        """Of each vxlan device by ifindex: what leads where, and whether it bears our mark."""
        for name, entries in observed.fdb.items():
            self.forwarding[self.links[name].ifindex] = dict.fromkeys(entries, True)
        self.bridging = Bridging(self.links)
        self.known = KnownAddresses(
            {self.links[name].ifindex: each for name, each in observed.neighbours.items()}
        )
        self.fitted: set[int] = set()
        """The devices whose offloads the userspace datapath can live with."""
        self._last_index = max(
            (link.ifindex for link in (*self.links.values(), *self.peers.values())), default=0
        )

    @property
    def fdb(self) -> dict[str, frozenset[FdbEntry]]:
        """What the agent sees: ours, and whole flood lists."""
        return {
            link.name: frozenset(
                entry
                for entry, is_ours in self.forwarding.get(link.ifindex, {}).items()
                if is_ours or entry.mac == BROADCAST_FDB
            )
            for link in self.links.values()
            if link.kind == "vxlan" and link.alias
        }

    @property
    def neighbours(self) -> dict[str, frozenset[Neighbour]]:
        """What the agent sees: ours."""
        devices = [each for each in self.links.values() if each.kind in ("vxlan", "bridge")]
        found = {each.name: self.known.ours(each.ifindex) for each in devices if each.alias}
        return {name: entries for name, entries in found.items() if entries}

    def next_index(self) -> int:
        self._last_index += 1
        return self._last_index

    def execute(self, step: NetlinkStep) -> None:
        match step:
            case CreateVeth() | CreateVxlan() | CreateLinuxBridge() | CreateTap():
                self._create(step)
            case SetTapOwner():
                self._set_tap_owner(step)
            case AddFdb() | DeleteFdb():
                self._change_fdb(step)
            case DeleteLink():
                self._delete_if_same(step)
            case SetVxlan():
                self._set_vxlan(step)
            case AddNeighbours() | DeleteNeighbours():
                self._change_neighbours(step)
            case SetLink():
                self._set_link(step)
            case AddAddress() | DeleteAddress():
                self._change_address(step)
            case SetBridgeAttributes() | SetBridgePort() | SetBridgeVlans():
                self._set_bridging(step)

    def delete_link(self, name: str) -> None:
        """Also by hand, with ``ip link delete``."""
        link = self.links.pop(name)
        self.forwarding.pop(link.ifindex, None)
        for each in tuple(self.links.values()):
            if each.master == name:
                self.links[each.name] = replace(each, master="")
                self.bridging.moved(self.links, each.name)
        for place, peer in tuple(self.peers.items()):
            if link.kind == "veth" and _are_pair(link, peer):
                del self.peers[place]

    def _delete_if_same(self, step: DeleteLink) -> None:
        link = self.links.get(step.name)
        if link is not None and (link.ifindex, link.alias) == (step.ifindex, step.alias):
            self.delete_link(step.name)

    def delete_namespace(self, netns: str) -> None:
        self.namespaces.discard(netns)
        for place in tuple(self.peers):
            if place[0] == netns:
                peer = self.peers.pop(place)
                for name, link in tuple(self.links.items()):
                    if _are_pair(link, peer):
                        del self.links[name]

    def _create_veth(self, step: CreateVeth) -> None:
        place = (step.peer_netns, step.peer_name)
        if step.peer_netns not in self.namespaces:
            raise NetlinkRefusedError(f"no namespace {step.peer_netns}")
        if step.name in self.links or place in self.peers:
            raise NetlinkRefusedError("File exists")
        near, far = self.next_index(), self.next_index()
        self.links[step.name] = Link(
            step.name,
            near,
            "veth",
            mac=generated_mac(near),
            mtu=step.mtu,
            alias=step.alias,
            peer_ifindex=far,
        )
        self.peers[place] = Link(
            step.peer_name,
            far,
            "veth",
            mac=step.peer_mac or generated_mac(far),
            mtu=step.mtu,
            peer_ifindex=near,
        )

    def _create(self, step: CreateVeth | CreateVxlan | CreateLinuxBridge | CreateTap) -> None:
        if isinstance(step, CreateVeth):
            self._create_veth(step)
        else:
            self._create_device(step)

    def _create_device(self, step: CreateVxlan | CreateLinuxBridge | CreateTap) -> None:
        if step.name in self.links:
            raise NetlinkRefusedError("File exists")
        if isinstance(step, CreateTap):
            index, mtu = self.next_index(), step.mtu or 1500
            tap = Link(step.name, index, "tun", generated_mac(index), mtu, alias=step.alias)
            self.links[step.name] = replace(tap, tap_owner=_known(step.owner))
            return
        link = Link(step.name, self.next_index(), mac=step.mac, mtu=step.mtu, alias=step.alias)
        if isinstance(step, CreateLinuxBridge):
            self.links[step.name] = replace(link, kind="bridge")
            return
        key = (step.vxlan.vni, step.vxlan.dst_port, step.vxlan.collect_metadata)
        for other in self._vxlans():
            if key == (other.vni, other.dst_port, other.collect_metadata):
                raise NetlinkRefusedError("A VXLAN device with the specified VNI already exists")
        made = replace(step.vxlan, attributes=_shown(step.vxlan.attributes))
        self.links[step.name] = replace(link, kind="vxlan", vxlan=made)

    def _set_vxlan(self, step: SetVxlan) -> None:
        link = self._target(step)
        if link.vxlan is None or step.attributes.keys() - LIVE.keys():
            raise NetlinkRefusedError("cannot change that")
        attributes = _shown({**link.vxlan.attributes, **step.attributes})
        local_ip = step.local_ip or link.vxlan.local_ip
        if (":" in local_ip) != (":" in link.vxlan.local_ip):
            raise NetlinkRefusedError("New local address family does not match old")
        changed = replace(link.vxlan, local_ip=local_ip, attributes=attributes)
        self.links[step.name] = replace(link, vxlan=changed)

    def _change_neighbours(self, step: AddNeighbours | DeleteNeighbours) -> None:
        if taken := self.known.change(self._target(step).ifindex, step):
            raise NetlinkRefusedError(f"somebody else knows {taken}")

    def _set_tap_owner(self, step: SetTapOwner) -> None:
        link = self._get(None, step.name)
        if link.ifindex != step.ifindex:
            raise NetlinkRefusedError(f"{step.name} is the name of another device by now")
        have = link.tap_owner or TapOwner()
        uid = have.uid if step.owner.uid is None else step.owner.uid
        gid = have.gid if step.owner.gid is None else step.owner.gid
        self.links[step.name] = replace(link, tap_owner=TapOwner(uid, gid))

    def _vxlans(self) -> list[Vxlan]:
        return [link.vxlan for link in self.links.values() if link.vxlan is not None]

    def shared_port(self, vxlan: Vxlan) -> bool:
        """Whether a device of the other kind is up on its UDP port."""
        return any(
            link.up
            and link.vxlan is not None
            and link.vxlan.dst_port == vxlan.dst_port
            and link.vxlan.collect_metadata != vxlan.collect_metadata
            for link in self.links.values()
        )

    def _change_fdb(self, step: AddFdb | DeleteFdb) -> None:
        if isinstance(step, AddFdb):
            self._add_fdb(step)
        else:
            self._delete_fdb(step)

    def _add_fdb(self, step: AddFdb) -> None:
        """All that can be, before what cannot be is refused."""
        table = self._table(step)
        if any(not each.dst for each in step.entries) and not self.links[step.name].master:
            raise NetlinkRefusedError(f"{step.name} is in no bridge")
        taken = {each.mac for each, ours in table.items() if not ours} - {BROADCAST_FDB}
        for entry in step.entries:
            if entry.mac in taken:
                continue
            for each in [each for each in table if each.mac == entry.mac]:
                if entry.mac != BROADCAST_FDB and entry.dst and each.dst:
                    del table[each]
            table.setdefault(entry, True)
        if refused := taken & {entry.mac for entry in step.entries}:
            raise NetlinkRefusedError(f"{refused} lead elsewhere for somebody else")

    def _forget_place(self, link: Link) -> None:
        """A bridge knows nothing more of what left it."""
        table = self.forwarding.get(link.ifindex, {})
        for entry in [each for each in table if not each.dst]:
            del table[entry]

    def _delete_fdb(self, step: DeleteFdb) -> None:
        table = self._table(step)
        for entry in step.entries:
            table.pop(entry, None)

    def _table(self, step: AddFdb | DeleteFdb) -> dict[FdbEntry, bool]:
        link = self._get(None, step.name)
        if link.ifindex != step.ifindex if step.ifindex else link.kind != "vxlan":
            raise NetlinkRefusedError(f"{step.name} is the name of another device by now")
        return self.forwarding.setdefault(link.ifindex, {})

    def _set_link(self, step: SetLink) -> None:
        wanted = {
            "mtu": step.mtu,
            "mac": step.mac,
            "up": step.up,
            "quiet": step.quiet,
            "alias": step.alias,
            "master": step.master,
        }
        link = self._target(step)
        if step.master and self._get(None, step.master).kind != "bridge":
            raise NetlinkRefusedError(f"{step.master} is no bridge")
        if step.up and not link.up and link.vxlan and self.shared_port(link.vxlan):
            raise NetlinkRefusedError("Address already in use")
        named = {key: value for key, value in wanted.items() if value is not None}
        self._put(step.netns, replace(link, **named))  # type: ignore[arg-type]
        if step.up is False or step.mac is not None:
            self.known.forget(link.ifindex)
        if step.master is not None:
            self._forget_place(link)
        if step.netns is None and step.master not in (None, link.master):
            self.bridging.moved(self.links, step.name)
        if step.userspace:
            self.fitted.add(link.ifindex)

    def _set_bridging(self, step: BridgeStep) -> None:
        link = self._target(step)
        if isinstance(step, SetBridgeAttributes):
            self.bridging.set_bridge(self.links, step)
        elif not link.master:
            raise NetlinkRefusedError(f"{step.name} is in no bridge")
        elif isinstance(step, SetBridgePort):
            self.bridging.set_port(self.links, step)
        else:
            self.bridging.set_vlans(self.links, step)

    def _change_address(self, step: AddAddress | DeleteAddress) -> None:
        if isinstance(step, AddAddress):
            self._add_address(step)
        else:
            self._delete_address(step)

    def _add_address(self, step: AddAddress) -> None:
        link = self._target(step)
        if step.cidr in link.addresses:
            return
        address = ipaddress.ip_interface(step.cidr)
        there = {ipaddress.ip_interface(cidr).ip for cidr in link.addresses}
        if address.version == 6 and address.ip in there:
            raise NetlinkRefusedError("File exists")
        self._put(step.netns, _with_addresses(link, added=frozenset({step.cidr})))

    def _delete_address(self, step: DeleteAddress) -> None:
        link = self._target(step)
        gone = link.owned_addresses & {step.cidr}
        self._put(step.netns, _with_addresses(link, removed=gone))

    def _get(self, netns: str | None, name: str) -> Link:
        link = self.links.get(name) if netns is None else self.peers.get((netns, name))
        if link is None:
            raise NetlinkRefusedError(f"no device {name} in {netns or 'the host'}")
        return link

    def _target(
        self,
        step: SetLink
        | AddAddress
        | DeleteAddress
        | BridgeStep
        | SetVxlan
        | AddNeighbours
        | DeleteNeighbours,
    ) -> Link:
        netns = step.netns if isinstance(step, SetLink | AddAddress | DeleteAddress) else None
        link = self._get(netns, step.name)
        if link.ifindex != step.ifindex if step.ifindex else link.kind not in OUR_KINDS:
            raise NetlinkRefusedError(f"{step.name} is the name of another device by now")
        return link

    def _put(self, netns: str | None, link: Link) -> None:
        if netns is None:
            self.links[link.name] = link
        else:
            self.peers[netns, link.name] = link


def _shown(attributes: Mapping[str, int]) -> dict[str, int]:
    return {name: each for name, each in attributes.items() if each != VXLAN[name].default}


def _known(owner: TapOwner) -> TapOwner | None:
    return None if owner == TapOwner() else owner


def generated_mac(ifindex: int) -> str:
    return ":".join(f"{byte:02x}" for byte in (0x0A, *ifindex.to_bytes(5, "big")))


def _are_pair(link: Link, peer: Link) -> bool:
    return (link.peer_ifindex, peer.peer_ifindex) == (peer.ifindex, link.ifindex)


def _with_addresses(
    link: Link, added: frozenset[str] = frozenset(), removed: frozenset[str] = frozenset()
) -> Link:
    return replace(
        link,
        addresses=(link.addresses | added) - removed,
        owned_addresses=(link.owned_addresses | added) - removed,
    )
