"""Hypervisors that plug guests, and the ports that are bound to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ovsfleet.v1 import state_pb2

from controller.compiler.host_state import CompiledHost, compile_host
from controller.domain.intent import Manifest, PortSpec, PortType
from controller.domain.inventory import ForeignBridge, ForeignInterface, ForeignPort, Inventory
from controller.services import inventory, status
from tests.support.manifests import port
from tests.support.stored_fleet import NOW, FollowingAgent


class Hypervisor(FollowingAgent):
    """Its agent tells what is plugged there."""

    def plug(self, *iface_ids: str, left_out: int = 0, follows: bool = True) -> None:
        """Nothing else is plugged from now on, unless something is left out."""
        ports = tuple(
            ForeignPort(f"tap-{each}", interfaces=(ForeignInterface(f"tap-{each}", iface_id=each),))
            for each in iface_ids
        )
        row = ForeignBridge("br-fleet", is_ours=True, ports=ports)
        told = Inventory(bridges=(row,), ports_total=len(ports) + left_out)
        take = inventory.record_and_follow if follows else inventory.record
        assert take(self.db, self.uid, self.epoch, told, now=NOW)

    def die(self) -> None:
        status.close_session(self.db, self.uid, self.epoch, now=NOW)

    @property
    def compiled(self) -> CompiledHost:
        return compile_host(self.intent)

    @property
    def ports(self) -> list[state_pb2.Port]:
        return list(self.compiled.part.ports)

    def macs_of(self, other: Hypervisor) -> list[str]:
        """What this host is told of another one."""
        (fragment,) = self.compiled.fragments.values()
        (member,) = (m for m in fragment.members if m.host_uid == str(other.uid))
        return list(member.macs)


def bound(name: str, **spec: Any) -> Manifest:
    made = port(name, "", interface="", type=PortType.BOUND, segment="red", iface_id=f"if-{name}")
    assert isinstance(made.spec, PortSpec)
    return replace(made, spec=replace(made.spec, **{"host": None, **spec}))
