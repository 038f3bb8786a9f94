"""Random operations on intent for a host that others use as well, and what is theirs there.

Seeded. What is applied, changed and deleted are the specimens of conformance, by the controller's
own rules of intent and its compiler; the agent's own loop brings the host to each. Owns the intent.
"""

from __future__ import annotations

import random
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from controller.domain.errors import DomainError
from controller.domain.intent import DEFAULT_PROJECT, BridgeType, Kind, PortType, Ref, Removal
from tests.support import fault_foreign
from tests.support.agent_backends import Host
from tests.support.conformance import Specimen
from tests.support.hand_site import Site
from tests.support.waiting import eventually

_CHANGING: Final = frozenset(
    {Kind.BRIDGE, Kind.SEGMENT, Kind.PORT, Kind.TUNNEL, Kind.MIRROR, Kind.FLOW_EXPORT}
    | {Kind.QOS_POLICY}
)
_KEPT: Final = (
    *("host", "interface", "bridge", "type", "peer", "segment", "vni", "protocol", "ends"),
    *("targets", "ranges", "target", "selector", "queues", "select", "output", "tunnel"),
    *("backend", "datapath_type", "patch.bridge", "patch.interface", "bond.members", "iface_id"),
)
"""What makes an object what it is; all else comes and goes."""
_CLASHING: Final = 0.2
"""How many of the operations are about names that others have."""
_FLAT: Final = "c-flat"
"""The bridge that those are to be on."""
_LENT: Final = frozenset({"iface_id", "bond.members"})
"""Ports of somebody's own device, which bears our mark for as long as it is intended: they stay."""


@dataclass
class Churn:
    """``clashes`` are intended under names that others have."""

    site: Site
    rng: random.Random
    clashes: Sequence[Specimen]
    done: dict[str, int] = field(default_factory=dict)

    def step(self) -> str:
        """One operation that the rules of intent accept; what it was."""
        while True:
            word = self.rng.choice(("apply", "apply", "change", "delete"))
            change = {"apply": self._apply, "change": self._change, "delete": self._delete}[word]
            if self._accepted(change):
                self.done[word] = self.done.get(word, 0) + 1
                return word

    def _accepted(self, change: Callable[[], None]) -> bool:
        before = self.site.fleet.revision
        try:
            change()
        except DomainError:
            return False
        return self.site.fleet.revision > before

    def _chosen(self) -> Specimen:
        if self.rng.random() < _CLASHING:
            return self.rng.choice(self.clashes)
        mine = (each for each in self.site.specimens if each.kind in _CHANGING)
        return self.rng.choice([e for e in mine if not _LENT & e.values.keys() and e.name != _FLAT])

    def _is_there(self, specimen: Specimen) -> bool:
        return _ref(specimen) in self.site.fleet.objects

    def _apply(self) -> None:
        chosen = self._chosen()
        if not self._is_there(chosen):
            self.site.fleet.apply(chosen.manifest())

    def _change(self) -> None:
        chosen = self._chosen()
        if not self._is_there(chosen):
            return
        values = {
            path: value
            for path, value in chosen.values.items()
            if path.startswith(_KEPT)
            or (chosen.kind, path) == (Kind.SEGMENT, "mtu")
            or self.rng.random() < 0.5
        }
        if chosen.kind is Kind.PORT and "mtu" in values:
            values["mtu"] = self.rng.choice((1280, 1290, 1300))
        self.site.fleet.apply(replace(chosen, values=values).manifest())

    def _delete(self) -> None:
        chosen = self._chosen()
        if self._is_there(chosen):
            self.site.fleet.delete(Removal(_ref(chosen)))

    def end_clashes(self) -> None:
        for each in self.clashes:
            if self._is_there(each):
                self.site.fleet.delete(Removal(_ref(each)))

    def clashing(self) -> dict[str, str]:
        """Names of what is intended in the place of others, by resource."""
        objects = self.site.fleet.objects
        there = (each for each in self.clashes if self._is_there(each))
        return {f"{each.kind.value.lower()}:{objects[_ref(each)].uid}": each.name for each in there}


def _ref(specimen: Specimen) -> Ref:
    return Ref(specimen.kind, DEFAULT_PROJECT, specimen.name)


# --- what is there of others ---------------------------------------------------------------------

_BR_INT: Final = """
add-br br-int -- set bridge br-int datapath_type=netdev fail_mode=secure
 external_ids:ovn-nb-cfg=7
 -- add-port br-int tap-of-vm tag=3 -- set interface tap-of-vm type=internal
 external_ids:iface-id=vm-1 external_ids:attached-mac=02:00:00:00:47:12 mtu_request=1400
 -- add-port br-int patch-int -- set interface patch-int type=patch options:peer=patch-others
 -- add-port br-others patch-others -- set interface patch-others type=patch
 options:peer=patch-int
 -- add-port br-int gre-others -- set interface gre-others type=gre options:remote_ip=192.0.2.252
 -- add-port c-over alien0 tag=9 -- set interface alien0 type=internal
 external_ids:iface-id=vm-2
"""
_FLOWS: Final = (
    ("br-others", "cookie=0x77,table=0,priority=100,ip,nw_dst=203.0.113.9,actions=drop"),
    ("br-others", "cookie=0x77,table=1,priority=5,tcp,tp_dst=80,actions=NORMAL"),
    (
        "br-int",
        "cookie=0x4711,table=0,priority=7,in_port=tap-of-vm,actions=set_field:1->reg0,NORMAL",
    ),
    ("br-int", "cookie=0x4711,table=8,priority=1,dl_vlan=3,actions=drop"),
)


def add_others(host: Host) -> None:
    """What a hypervisor, another controller and an administrator have on the same host."""
    fault_foreign.add_foreign_devices(host.netns.name)
    host.netns.ip("link", "add", "kx7777", "type", "bridge")
    host.netns.ip("address", "add", "203.0.113.70/32", "dev", "eth0")
    host.workload.ip("link", "add", "e-taken", "type", "bridge")
    if host.ovs is not None:
        host.ovs.vsctl(*shlex.split(fault_foreign.BY_OTHERS.format(kind="netdev")))
        host.ovs.vsctl(*shlex.split(_BR_INT))
        for bridge, flow in _FLOWS:
            _ofctl(host, "add-flow", bridge, flow)
    eventually(lambda: _is_quiet(host), within=30, what="the kernel has given its addresses")


def _is_quiet(host: Host) -> bool:
    links = host.netns.ip_json("address", "show", "type", "veth", "up")
    theirs = [link for link in links if link and "ifalias" not in link]
    is_given = all(any(a["family"] == "inet6" for a in link["addr_info"]) for link in theirs)
    has_carrier = all("NO-CARRIER" not in link["flags"] for link in theirs)
    tentative = host.netns.ip_json("address", "show", "tentative")
    return is_given and has_carrier and not any(link.get("addr_info") for link in tentative)


def others(host: Host) -> str:
    """All that is not ovsfleet's, a fact on each line."""
    told = [fault_foreign.facts(host.ovs, host.netns.name)]
    told.append(host.workload.ip("-o", "link", "show", "e-taken"))
    told.append(host.netns.ip("-4", "route", "show", "table", "all", "dev", "lx-others"))
    if host.ovs is not None:
        told += (_ofctl(host, "--no-stats", "dump-flows", name) for name in ("br-others", "br-int"))
    return "\n".join(told)


def _ofctl(host: Host, *words: str) -> str:
    assert host.ovs is not None
    *options, verb, bridge = words if words[-2] == "dump-flows" else (*words[:-3], *words[-3:-1])
    rest = () if verb == "dump-flows" else (words[-1],)
    management = f"unix:{host.ovs.directory}/{bridge}.mgmt"
    return host.netns.exec("ovs-ofctl", *options, "-OOpenFlow13", verb, management, *rest)


def clashes(host: Host) -> Iterator[Specimen]:
    """What is intended under the names of what others have; the rules of intent refuse br-int, and
    names as the agent's own devices have, before that.
    """
    ovs = host.ovs is not None
    flat: dict[str, Any] = {"host": "h1", "bridge": _FLAT}
    tap = {**flat, "type": PortType.TAP}
    veth = {**flat, "type": PortType.VETH, "peer.netns": host.workload.name}
    kind = {"host": "h1", "type": BridgeType.OVS if ovs else BridgeType.LINUX}
    for name in ("vo0", "vo1"):
        yield Specimen(Kind.PORT, f"clash-{name}", {**tap, "interface": name})
    veth |= {"interface": "clash0", "peer.interface": "e-taken"}
    yield Specimen(Kind.PORT, "clash-peer", veth)
    for name in ("lx-others", *(("br-others",) if ovs else ())):
        yield Specimen(Kind.BRIDGE, f"clash-{name}", {**kind, "interface": name})
    for name in ("others0", "tap-of-vm", "alien0") if ovs else ():
        values = {**flat, "type": PortType.INTERNAL, "interface": name}
        yield Specimen(Kind.PORT, f"clash-{name}", values)
