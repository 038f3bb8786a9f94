"""A fleet under random intents and random misfortune: when it comes to rest, all is as intended.

The controller's rules and compiler and the agent's codec, cache rules and planner are the real
ones; the store is ``ModelFleet`` and the hosts are ``SimulatedHost``.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent.observed import ObservedState, OvsBridge, OvsInterface, OvsPort
from controller.domain.errors import DomainError
from controller.domain.intent import Backend, BridgeType, HostSpec, Kind, Manifest, Removal
from tests.support.hosts import bare_host
from tests.support.intent_strategies import (
    BRIDGES,
    HOSTS,
    LINUX_HOST,
    plausible_manifests,
    port_manifests,
    removals,
)
from tests.support.model_fleet import FLEET_UID, ModelFleet, bridge, host, segment
from tests.support.satisfaction import foreign_part, shortcomings
from tests.support.simulated_host import SimulatedHost

FOREIGN_BRIDGE = OvsBridge(
    "br-int",
    (
        OvsPort("br-int", (OvsInterface("br-int", "internal"),)),
        OvsPort("vm7", (OvsInterface("vm7", "internal"),), tag=2),
    ),
    "netdev",
    external_ids={"owned-by": "somebody"},
)
IFACE_TYPES = frozenset({"internal", "vxlan", "patch", "gre", "erspan"})
"""Mirrors may ask for the last two; without them they would be told a failure for ever."""
FAR_AWAY = "198.51.100.{}"

hosts = st.sampled_from(HOSTS)


def _type(name: str) -> BridgeType:
    return BridgeType.LINUX if name == LINUX_HOST else BridgeType.OVS


def _host(name: str) -> Manifest:
    address = FAR_AWAY.format(name[1])
    return host(name, address, underlay_mtu=9000, overlay_bridge_type=_type(name))


def _is_true(manifest: Manifest) -> bool:
    """Whether what the intent says of a host's Open vSwitch is so."""
    spec = manifest.spec
    name = manifest.ref.name
    return not isinstance(spec, HostSpec) or spec.overlay_bridge_type is _type(name)


manifests = plausible_manifests().filter(_is_true)


class Fleet(RuleBasedStateMachine):
    @initialize(wishes=st.lists(port_manifests(), min_size=4, max_size=8))
    def install(self, wishes: list[Manifest]) -> None:
        self.fleet = ModelFleet()
        self.fleet.apply(*(_host(name) for name in HOSTS))
        self.fleet.apply(*(bridge(name, f"h{name[1]}") for name in BRIDGES))
        self.fleet.apply(segment("s1"), segment("s2"), segment("s3", backend=Backend.KERNEL))
        spaces = frozenset({"red", "blue", "green"})
        switch = bare_host(
            bridges={"br-int": FOREIGN_BRIDGE}, namespaces=spaces, iface_types=IFACE_TYPES
        )
        bare = ObservedState(namespaces=spaces, has_ovs=False)
        self.hosts = {
            name: SimulatedHost(name, bare if name == LINUX_HOST else switch) for name in HOSTS
        }
        self.foreign = self._foreign()
        self.intend(wishes)

    # --- intent ----------------------------------------------------------------------------------

    @rule(wishes=st.lists(manifests, min_size=1, max_size=4))
    def intend(self, wishes: list[Manifest]) -> None:
        for manifest in wishes:
            try:
                self.fleet.apply(manifest)
            except DomainError:
                continue

    @rule(removal=removals().filter(lambda each: each.ref.kind is not Kind.HOST))
    def delete(self, removal: Removal) -> None:
        try:
            self.fleet.delete(removal)
        except DomainError:
            return

    # --- what reaches whom (whatever is not drawn was lost) --------------------------------------

    @rule(name=hosts)
    def wake_up(self, name: str) -> None:
        self.hosts[name].receive(self.fleet)

    @rule(name=hosts)
    def report(self, name: str) -> None:
        self.hosts[name].report()

    @rule(name=hosts)
    def drop_the_stream(self, name: str) -> None:
        self.hosts[name].connect()

    # --- agents and Open vSwitch -----------------------------------------------------------------

    @rule(name=hosts)
    def reconcile(self, name: str) -> None:
        self.hosts[name].reconcile()

    @rule(name=hosts, atoms=st.integers(0, 12))
    def kill_the_agent_while_it_applies(self, name: str, atoms: int) -> None:
        self.hosts[name].reconcile(limit=atoms)
        self.hosts[name].connect()

    @rule(name=hosts)
    def stop_vswitchd(self, name: str) -> None:
        self.hosts[name].switch.stop_vswitchd()

    @rule(name=hosts)
    def start_vswitchd(self, name: str) -> None:
        self.hosts[name].switch.start_vswitchd()

    @rule(name=hosts, data=st.data())
    def delete_a_row_or_device_by_hand(self, name: str, data: st.DataObject) -> None:
        switch = self.hosts[name].switch
        devices = sorted(each.name for each in switch.kernel.links.values() if each.alias)
        if devices:
            switch.kernel.delete_link(data.draw(st.sampled_from(devices)))
            switch.reconfigure()

    # --- what always holds -----------------------------------------------------------------------

    @invariant()
    def nothing_foreign_ever_changes(self) -> None:
        if hasattr(self, "foreign"):
            assert self._foreign() == self.foreign

    @invariant()
    def intent_always_says_what_it_deleted(self) -> None:
        for each in getattr(self, "hosts", {}).values():
            assert "NotRemoved" not in each.seen

    def teardown(self) -> None:
        for each in getattr(self, "hosts", {}).values():
            self._come_to_rest(each)

    def _come_to_rest(self, each: SimulatedHost) -> None:
        each.switch.start_vswitchd()
        each.connect()
        each.receive(self.fleet)
        for _ in range(4):
            each.reconcile()
            each.plug_in_missing_cards()
        each.reconcile()
        desired, observed = each.desired, each.switch.observed
        assert desired is not None
        assert desired.revision == each.applied == self.fleet.revision
        assert desired.removed == frozenset()
        assert shortcomings(desired, observed) == []
        writes = (each.switch.transactions, each.switch.netlink_writes)
        assert each.reconcile() == ()
        assert (each.switch.transactions, each.switch.netlink_writes) == writes

    def _foreign(self) -> dict[str, object]:
        owner = str(FLEET_UID)
        return {n: foreign_part(each.switch.observed, owner) for n, each in self.hosts.items()}


TestFleet = Fleet.TestCase
TestFleet.settings = settings(
    settings.get_profile("moderate"), max_examples=40, stateful_step_count=30
)
