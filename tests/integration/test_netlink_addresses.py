"""Addresses on the real kernel: what we give bears our mark, what others gave is never touched."""

from __future__ import annotations

import pytest

from agent.errors import ErrorKind
from agent.model import ADDRESS_MARK
from agent.observed import Link
from agent.planner.plan import AddAddress, CreateVeth, DeleteAddress
from tests.support.netlink import execute, look, refused
from tests.support.netns import Namespace

pytestmark = pytest.mark.integration

LEASE = ("valid_lft", "3600", "preferred_lft", "3600")


def add(cidr: str) -> AddAddress:
    return AddAddress("port:1", None, "v0", cidr)


def delete(cidr: str) -> DeleteAddress:
    return DeleteAddress("port:1", None, "v0", cidr)


@pytest.fixture
def device(netns: Namespace) -> Namespace:
    """A host with one device, v0."""
    netns.ip("tuntap", "add", "v0", "mode", "tap")
    netns.ip("link", "set", "v0", "up")
    return netns


def seen(host: Namespace) -> Link:
    return look(host)[0]["v0"]


def owned(host: Namespace) -> set[str]:
    return set(seen(host).owned_addresses)


def foreign(host: Namespace) -> set[str]:
    return set(seen(host).addresses) - owned(host)


@pytest.mark.parametrize("cidr", ["192.0.2.1/24", "2001:db8::1/64"])
def test_an_address_comes_with_our_mark_and_goes_and_may_be_asked_for_twice(
    device: Namespace, cidr: str
) -> None:
    assert execute(device, add(cidr), add(cidr)) == [None, None]
    assert owned(device) == {cidr}
    marks = [
        each["protocol"]
        for each in device.ip_json("address", "show", "dev", "v0")[0]["addr_info"]
        if each["scope"] == "global" and "protocol" in each
    ]
    assert marks in ([], [f"{ADDRESS_MARK:#x}"])  # an older ip(8) does not show it
    assert execute(device, delete(cidr), delete(cidr)) == [None, None]
    assert seen(device).addresses == frozenset()


@pytest.mark.parametrize("cidr", ["192.0.2.1/24", "2001:db8::1/64"])
def test_an_address_that_somebody_gave_before_us_stays_theirs(device: Namespace, cidr: str) -> None:
    device.ip("address", "add", cidr, "dev", "v0")
    assert execute(device, add(cidr), delete(cidr)) == [None, None]
    assert (owned(device), foreign(device)) == (set(), {cidr})


def test_the_first_address_of_a_network_goes_without_the_foreign_ones_after_it(
    device: Namespace,
) -> None:
    execute(device, add("192.0.2.1/24"))
    theirs = {"192.0.2.77/24", "192.0.2.1/25", "192.0.2.1/32"}
    for cidr in sorted(theirs):
        device.ip("address", "add", cidr, "dev", "v0", "label", "v0:vip")
    assert execute(device, add("192.0.2.2/24"), delete("192.0.2.1/24")) == [None, None]
    assert (owned(device), foreign(device)) == ({"192.0.2.2/24"}, theirs)
    shown = device.ip_json("-4", "address", "show", "dev", "v0")[0]["addr_info"]
    assert [each["label"] for each in shown].count("v0:vip") == len(theirs)
    assert "192.0.2.0/24 dev v0 proto kernel" in device.ip("route")


def test_the_first_address_in_a_namespace_goes_without_the_foreign_ones_after_it(
    netns: Namespace, workload_netns: Namespace
) -> None:
    there = workload_netns.name
    create = CreateVeth("port:1", "v0", "ovsfleet:fleet:port:1", 1400, there, "eth0")
    execute(netns, create, AddAddress("port:1", there, "eth0", "192.0.2.1/24"))
    workload_netns.ip("address", "add", "192.0.2.77/24", "dev", "eth0", *LEASE)
    assert execute(netns, DeleteAddress("port:1", there, "eth0", "192.0.2.1/24")) == [None]
    peer = look(netns, (there, "eth0"))[1][there]
    assert peer.addresses == {"192.0.2.77/24"}
    assert peer.owned_addresses == frozenset()
    (left,) = workload_netns.ip_json("-4", "address", "show", "dev", "eth0")[0]["addr_info"]
    assert 0 < left["valid_life_time"] <= 3600


@pytest.mark.parametrize(
    ("before", "after"),
    [("192.0.2.1/24", "192.0.2.1/25"), ("2001:db8::1/64", "2001:db8::1/80")],
)
def test_another_prefix_length_is_another_address(
    device: Namespace, before: str, after: str
) -> None:
    assert execute(device, add(before), delete(before), add(after)) == [None] * 3
    assert owned(device) == {after}
    assert foreign(device) == set()


def test_an_ipv6_address_that_is_there_with_another_prefix_length_is_a_conflict_and_stays(
    device: Namespace,
) -> None:
    device.ip("address", "add", "2001:db8::1/80", "dev", "v0")
    answers = execute(device, add("2001:db8::1/64"))
    assert refused(answers) == (ErrorKind.CONFLICT, "AddressTaken")
    assert answers[0] is not None
    assert "another prefix length" in answers[0].message
    assert (owned(device), foreign(device)) == (set(), {"2001:db8::1/80"})


def test_an_ipv4_address_goes_beside_the_same_with_another_prefix_length(
    device: Namespace,
) -> None:
    device.ip("address", "add", "192.0.2.1/25", "dev", "v0")
    assert execute(device, add("192.0.2.1/24")) == [None]
    assert execute(device, delete("192.0.2.1/25")) == [None]
    assert (owned(device), foreign(device)) == ({"192.0.2.1/24"}, {"192.0.2.1/25"})


def test_an_address_that_somebody_made_their_own_is_left_to_them(device: Namespace) -> None:
    execute(device, add("192.0.2.1/24"))
    device.ip("address", "replace", "192.0.2.1/24", "dev", "v0", *LEASE)
    assert execute(device, delete("192.0.2.1/24")) == [None]
    assert seen(device).addresses == {"192.0.2.1/24"}


def test_link_local_addresses_are_not_seen(netns: Namespace) -> None:
    netns.ip("tuntap", "add", "v0", "mode", "tap")
    netns.ip("address", "add", "fe80::1/64", "dev", "v0")
    assert look(netns)[0]["v0"].addresses == set()


def test_an_ipv6_address_where_ipv6_is_off_is_explained(netns: Namespace) -> None:
    netns.ip("tuntap", "add", "v0", "mode", "tap")
    netns.exec("sysctl", "-qw", "net.ipv6.conf.v0.disable_ipv6=1")
    answers = execute(netns, AddAddress("p", None, "v0", "2001:db8::1/64"))
    assert refused(answers)[0] is ErrorKind.UNSUPPORTED
    assert answers[0] is not None
    assert "disable_ipv6" in answers[0].message
