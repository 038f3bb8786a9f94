"""The agent of the one host of a stage that is looked at closely: what it tells and answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg

from controller.compiler.naming import bridge_id, port_id, tunnel_id
from controller.domain.intent import DEFAULT_PROJECT, Kind, Ref
from controller.domain.inventory import (
    ForeignBridge,
    ForeignInterface,
    ForeignLink,
    ForeignPort,
    Inventory,
)
from controller.domain.observation import OBSERVE, ObservedState
from controller.domain.safety import DriftAction
from controller.services import changes, drift, inventory, observations
from controller.services.drift import DriftEvent
from controller.services.observations import Answer, Item
from controller.store.engine import Database
from tests.support.large_plan import Plan
from tests.support.large_statuses import TUNNEL_REASON, TUNNEL_TOLD

TAKEN_REASON = "AlreadyTaken"
TAKEN_TOLD = (
    "name gate is taken by port gate of bridge br-int, which belongs to no fleet; remove or rename"
    " that, or choose another in intent"
)

_CAN = {
    "ovs_version": "3.1.0",
    "ovsdb_schema": "8.3.1",
    "datapath_types": ["netdev", "system"],
    "iface_types": ["erspan", "geneve", "gre", "internal", "patch", "system", "tap", "vxlan"],
    "missing_columns": [],
    "dpdk": False,
    "hw_offload": True,
    "tc_policy": "skip_sw",
    "kernel_release": "6.1.0-18-amd64",
    "kernel_features": ["vxlan", "bridge", "vlan_filtering", "neigh_suppress"],
    "state_features": ["linux_bridges", "mirrors", "flow_exports", "bound_ports"],
    "session_features": [OBSERVE],
    "ipv4": True,
    "ipv6": True,
}


def epoch_of(db: Database, host: UUID) -> int:
    """Of its session."""
    with psycopg.connect(db.url) as connection:
        asked = "SELECT session_epoch FROM host_status WHERE host_uid = %s"
        (epoch,) = connection.execute(asked, [host]).fetchone() or (0,)
    return int(epoch)


@dataclass
class StagedHost:
    db: Database
    plan: Plan
    uids: Mapping[Ref, UUID]
    number: int

    def introduce(self, now: datetime) -> None:
        """Tell what it can do, what else is on it, and what others changed there."""
        self._epoch = epoch_of(self.db, self._uid)
        assert inventory.record_capabilities(self.db, self._uid, self._epoch, _CAN, now=now)
        assert inventory.record(self.db, self._uid, self._epoch, _inventory(), now=now)
        for event in self._drift(now):
            assert drift.record(self.db, self._uid, self._epoch, [event], now=event.at or now)

    def answer(self) -> None:
        """Whoever asks what the host is like now."""
        for question in observations.waiting(self.db):
            if question.host_uid == self._uid:
                observations.claim(self.db, {question.id: self._epoch})
                observations.record(self.db, question.id, self._epoch, self._observed())

    def _drift(self, now: datetime) -> Iterator[DriftEvent]:
        bridge, door = bridge_id(self._of(Kind.BRIDGE, "lan")), port_id(self._of(Kind.PORT, "door"))
        by_hand = "ovs-vsctl (session-214.scope, uid 0): ovs-vsctl set port door tag=7"
        by_script = "ovs-vsctl (cron.service, uid 0): ovs-vsctl set bridge br-lan rstp_enable=true"
        for number, (ago, of, action, field, intended, found, who) in enumerate(
            (
                (190, door, DriftAction.ENFORCED, "tag", "100", "7", by_hand),
                (64, bridge, DriftAction.ENFORCED, "rstp_enable", "false", "true", by_script),
                (58, bridge, DriftAction.ENFORCED, "rstp_enable", "false", "true", by_script),
            )
        ):
            differences = (drift.Difference(field, intended, found),)
            at = now - timedelta(minutes=ago)
            yield DriftEvent(number + 1, at, of, action, differences, who)

    def _observed(self) -> Answer:
        items = (*self._not_as_intended(), *self._as_intended())
        counts = dict.fromkeys(ObservedState, 0)
        for item in items:
            counts[item.state] += 1
        return Answer(changes.head(self.db), items, counts)

    def _not_as_intended(self) -> Iterator[Item]:
        segment = self.plan.segments_of(self.number)[-1]
        ref = Ref(Kind.SEGMENT, self.plan.project(segment), self.plan.segment_name(segment))
        for number in self.plan.members(segment)[:3]:
            name = self.plan.names[number]
            tunnel = tunnel_id(self.uids[ref], self.uids[Ref(Kind.HOST, DEFAULT_PROJECT, name)])
            said = TUNNEL_TOLD.format(segment, name)
            yield Item(tunnel, ObservedState.FAILED, reason=TUNNEL_REASON, message=said)
        gate, phone = (port_id(self._of(Kind.PORT, name)) for name in ("gate", "phone"))
        yield Item(gate, ObservedState.FOREIGN, reason=TAKEN_REASON, message=TAKEN_TOLD)
        limit = (observations.Difference("ingress_policing_rate", "0", "50000"),)
        yield Item(phone, ObservedState.DIFFERS, limit)

    def _as_intended(self) -> Iterator[Item]:
        yield Item(bridge_id(self._of(Kind.BRIDGE, "lan")), ObservedState.AS_INTENDED)
        for name in ("uplink", "door", "camera"):
            yield Item(port_id(self._of(Kind.PORT, name)), ObservedState.AS_INTENDED)
        for segment in self.plan.segments_of(self.number):
            name, project = self.plan.segment_name(segment), self.plan.project(segment)
            uid = self.uids[Ref(Kind.PORT, project, f"{name}-{self._name}")]
            yield Item(port_id(uid), ObservedState.AS_INTENDED)

    @property
    def _name(self) -> str:
        return self.plan.names[self.number]

    @property
    def _uid(self) -> UUID:
        return self.uids[Ref(Kind.HOST, DEFAULT_PROJECT, self._name)]

    def _of(self, kind: Kind, name: str) -> UUID:
        return self.uids[Ref(kind, DEFAULT_PROJECT, f"{name}-{self._name}")]


def _inventory() -> Inventory:
    guest = ForeignInterface(
        "vnet3",
        iface_id="9b2c1c1e-5f0a-4f6e-8a52-3a4c9a1f7d10",
        attached_mac="52:54:00:6b:3c:58",
        vm_id="0d7f6c58-2f7b-4f57-9d2f-0a3f1f0f7f11",
    )
    integration = (
        ForeignPort("gate", tag=12, interfaces=(ForeignInterface("gate", "internal"),)),
        ForeignPort("vnet3", tag=12, interfaces=(guest,)),
        ForeignPort(
            "vxlan-c0a80a07",
            interfaces=(ForeignInterface("vxlan-c0a80a07", "vxlan", remote_ip="192.168.10.7"),),
        ),
    )
    stray = (ForeignPort("test0", tag=4000, interfaces=(ForeignInterface("test0", "internal"),)),)
    links = (
        ForeignLink("eth0", "", "", "3c:ec:ef:5a:10:0e", 9000, True, ("198.18.0.14/16",)),
        ForeignLink("eth1", "", "", "3c:ec:ef:5a:10:0f", 1500, True, ("192.0.2.14/24",)),
        ForeignLink("docker0", "bridge", "", "02:42:7d:1c:aa:05", 1500, False, ("172.17.0.1/16",)),
    )
    bridges = (
        ForeignBridge("br-fleet", "system", "standalone", is_ours=True, ports=stray),
        ForeignBridge("br-int", "system", "secure", ports=integration),
    )
    return Inventory(bridges, links, bridges_total=2, ports_total=4, links_total=3)
