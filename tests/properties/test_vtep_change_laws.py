"""A change of VTEP, as compiled and planned: whatever each member has applied, all hear all.

Members are hosts with Open vSwitch and hosts without, and each applies revisions when it likes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.controlplane.codec import decode_host_state
from agent.model import Backend, HostState
from agent.planner.segments import Segment, expand
from agent.planner.surroundings import Surroundings
from agent.planner.tunnels import tunnels_of
from controller.compiler import compile_host, host_state
from controller.domain.intent import (
    BridgeType,
    HostSpec,
    Kind,
    Manifest,
    PortType,
    Ref,
    VethPeerSpec,
)
from controller.domain.vtep_steps import VtepStep
from tests.support.model_fleet import ModelFleet, host, port, segment

HOSTS = ("h1", "h2", "h3")
VTEPS = {name: tuple(f"192.0.2.{n}{end}" for end in (1, 2, 3)) for n, name in enumerate(HOSTS, 1)}


@dataclass
class Members:
    """What each was sent at every revision, and which of these each has applied."""

    kernel: frozenset[str]
    fleet: ModelFleet = field(default_factory=ModelFleet)
    sent: list[dict[str, HostState]] = field(default_factory=list)
    applied: dict[str, int] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    """Where in ``sent`` the last step of each host's change came."""

    def __post_init__(self) -> None:
        hosts = [self.manifest(name, VTEPS[name][0]) for name in HOSTS]
        at, peer = PortType.VETH, VethPeerSpec("w", "eth0")
        ports = [port(f"p-{name}", name, segment="red", type=at, peer=peer) for name in HOSTS]
        self.fleet.apply(*hosts, segment("red"), *ports)
        self._send()
        self.applied, self.since = dict.fromkeys(HOSTS, 0), dict.fromkeys(HOSTS, 0)

    def manifest(self, name: str, vtep: str, **fields: object) -> Manifest:
        sort = BridgeType.LINUX if name in self.kernel else BridgeType.OVS
        return host(name, vtep, overlay_bridge_type=sort, **fields)

    def spec(self, name: str) -> HostSpec:
        spec = self.fleet.objects[Ref(Kind.HOST, "default", name)].spec
        assert isinstance(spec, HostSpec)
        return spec

    def is_settled(self, name: str) -> bool:
        return all(applied >= self.since[name] for applied in self.applied.values())

    def move(self, name: str, vtep: str) -> None:
        """Not before all know the only address that it would keep."""
        if VtepStep.NEW not in self.spec(name).vtep_steps or self.is_settled(name):
            self._write(name, self.manifest(name, vtep))

    def step(self, name: str) -> None:
        if self.spec(name).former_vteps and self.is_settled(name):
            again = self.manifest(name, *self.spec(name).vteps)
            self._write(name, replace(again, settles_vteps=True))

    def _write(self, name: str, manifest: Manifest) -> None:
        before = self.spec(name)
        self.fleet.apply(manifest)
        if self.spec(name) != before:
            self._send()
            self.since[name] = len(self.sent) - 1

    def _send(self) -> None:
        intents = {name: self.fleet.host_intent(name) for name in HOSTS}
        self.sent.append(
            {
                name: decode_host_state(host_state(compile_host(each), each, ()), {})
                for name, each in intents.items()
            }
        )

    def planned(self, name: str, *, gone: str = "") -> Segment:
        state = self.sent[self.applied[name]][name]
        surroundings = Surroundings(
            vlans=Counter(each.local_vlan for each in state.attachments),
            networks=Counter((each.vni, each.dst_port) for each in state.fragments.values()),
            backends={},
            strangers={},
            has_ovs=name not in self.kernel,
            has_vxlan=True,
            has_ipv6=True,
            addresses=frozenset(VTEPS[name]) - {gone},
        )
        (found,), failures = expand(state, surroundings)
        assert failures == []
        return found


def paths(found: Segment, uid: str) -> Iterator[tuple[str, str]]:
    """Local and remote address of what a member sends to another; to take it, too, unless it is
    the kernel, which takes whatever is for an address of the host."""
    (remote,) = (each for each in found.remotes if each.end == uid)
    if found.backend is Backend.KERNEL:
        (to,) = {each.dst for each in found.fdb} & {remote.vtep, remote.former_vtep}
        yield found.local_ip, to
        return
    (tunnel,) = (each for each in tunnels_of(found) if each.id.endswith(uid))
    yield from ((key.local_ip, key.remote_ip) for key in (tunnel.key, *tunnel.former))


def assert_all_hear_each_other(members: Members) -> None:
    found = {name: members.planned(name) for name in HOSTS}
    uid = {name: members.sent[0][name].host_uid for name in HOSTS}
    for source, target in permutations(HOSTS, 2):
        sent = set(paths(found[source], uid[target]))
        if target in members.kernel:
            taken = {(local, remote) for local, remote in sent if remote in VTEPS[target]}
        else:
            taken = {(there, here) for here, there in paths(found[target], uid[source])}
        assert sent & taken, f"{target} takes nothing of what {source} sends"


_ACTS = st.one_of(
    st.tuples(st.just("apply"), st.sampled_from(HOSTS), st.integers(0, 2)),
    st.tuples(st.just("apply"), st.sampled_from(HOSTS), st.integers(0, 2)),
    st.tuples(st.just("step"), st.sampled_from(HOSTS), st.just(0)),
    st.tuples(st.just("move"), st.sampled_from(HOSTS), st.integers(0, 2)),
)


@settings(max_examples=60)
@given(st.frozensets(st.sampled_from(HOSTS)), st.lists(_ACTS, min_size=4, max_size=24))
def test_every_two_members_hear_each_other_however_far_each_has_come(
    kernel: frozenset[str], acts: list[tuple[str, str, int]]
) -> None:
    members = Members(kernel)
    for act, name, number in acts:
        if act == "apply":
            newest = len(members.sent) - 1
            members.applied[name] = max(members.applied[name], newest - number)
        elif act == "step":
            members.step(name)
        else:
            members.move(name, VTEPS[name][number])
        assert_all_hear_each_other(members)


def test_a_change_ends_after_as_many_steps_as_there_are_each_applied_by_all() -> None:
    """One after the other, with each of those that lag behind by a step the last."""
    for kernel in (frozenset[str](), frozenset({"h1"}), frozenset({"h2"}), frozenset(HOSTS)):
        for last in HOSTS:
            members = Members(kernel)
            members.move("h1", VTEPS["h1"][1])
            for step in VtepStep:
                assert members.spec("h1").vtep_steps == (step,)
                for name in sorted(HOSTS, key=lambda each: each == last):
                    members.step("h1")
                    assert members.spec("h1").vtep_steps == (step,)
                    members.applied[name] = len(members.sent) - 1
                    assert_all_hear_each_other(members)
                members.step("h1")
            assert members.spec("h1").former_vteps == ()


def test_only_who_has_one_address_at_a_time_is_sent_anything_for_its_step() -> None:
    members = Members(frozenset({"h2"}))
    members.move("h1", VTEPS["h1"][1])
    members.applied = dict.fromkeys(HOSTS, 1)
    members.step("h1")
    changed = {name for name in HOSTS if members.sent[-1][name].hash != members.sent[-2][name].hash}
    assert changed == {"h2"}


def test_a_host_that_has_lost_its_former_vtep_sends_from_the_new_one() -> None:
    members = Members(frozenset({"h1"}))
    former, new, _ = VTEPS["h1"]
    members.move("h1", new)
    members.applied["h1"] = 1
    assert members.planned("h1").local_ip == former
    assert members.planned("h1", gone=former).local_ip == new
