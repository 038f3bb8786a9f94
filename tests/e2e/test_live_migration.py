"""A guest that a hypervisor plugs, and moves to another host while it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.lab.lab import Lab
from deploy.lab.network import add_workload_netns
from deploy.lab.probes import Endpoint, broadcast_copies, flow, ping_all
from deploy.lab.shell import in_netns, run, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

_MAC = "02:00:00:00:98:02"
_IFACE_ID = "9f1d4b0e-guest"
_TAP = "tap-guest"
_INTENT = f"""
kind: Segment
metadata: {{name: moving}}
spec: {{}}
---
kind: Port
metadata: {{name: moving-peer}}
spec:
  host: h1
  segment: moving
  type: veth
  interface: mv1
  peer: {{netns: ovsf-peer, interface: eth0}}
  addresses: [10.98.0.1/24]
---
kind: Port
metadata: {{name: moving-kernel}}
spec:
  host: h4
  segment: moving
  type: veth
  interface: mv4
  peer: {{netns: ovsf-kernel, interface: eth0}}
  addresses: [10.98.0.4/24]
---
kind: Port
metadata: {{name: guest}}
spec: {{type: bound, iface_id: {_IFACE_ID}, segment: moving, mac: '{_MAC}'}}
"""
_PEER = Endpoint("peer", "h1", "ovsf-peer", "eth0", "10.98.0.1", "moving")
_BY_KERNEL = Endpoint("by-kernel", "h4", "ovsf-kernel", "eth0", "10.98.0.4", "moving")
_BOTH = {("peer", "guest"), ("by-kernel", "guest")}


def _guest_on(host: str) -> Endpoint:
    return Endpoint("guest", host, f"ovsf-guest-{host}", "eth0", "10.98.0.2", "moving")


@pytest.fixture
def migrating(lab: Lab) -> Iterator[Lab]:
    """The lab with a guest's port that awaits it, on hosts whose overlay bridge is there."""
    names = [_PEER.netns, _BY_KERNEL.netns, *(_guest_on(host).netns for host in ("h2", "h3"))]
    for name in names:
        add_workload_netns(name)
    path = lab.directory / "moving.yaml"
    ready = lab.host_manifests().replace(
        "datapath_type", "overlay_bridge_ready: true, datapath_type"
    )
    path.write_text(ready)
    lab.ovsfleet("apply", "--wait", "-f", str(path))
    path.write_text(_INTENT)
    lab.ovsfleet("apply", "-f", str(path))
    lab.ovsfleet("wait", "port", "moving-peer", "moving-kernel", "--for=Ready", "--timeout=30")
    yield lab
    for host in ("h2", "h3"):
        _unplug(lab, host)
    for name in names:
        run("ip", "netns", "delete", name)
    lab.register_hosts()


def _plug(lab: Lab, host: str) -> None:
    """As libvirt does before a guest runs: its device is there, and nothing is behind it yet."""
    guest, netns = _guest_on(host), lab.host(host).netns
    run(
        *("ip", "-n", netns, "link", "add", _TAP, "type", "veth"),
        *("peer", "name", guest.device, "netns", guest.netns, "address", _MAC),
    )
    in_netns(netns, "ethtool", "-K", _TAP, "tx", "off")
    in_netns(guest.netns, "ethtool", "-K", guest.device, "tx", "off")
    run("ip", "-n", netns, "link", "set", _TAP, "up")
    run("ip", "-n", guest.netns, "address", "add", f"{guest.address}/24", "dev", guest.device)
    lab.switches[host].vsctl_line(
        f"add-port br-fleet {_TAP} -- set interface {_TAP} external_ids:iface-id={_IFACE_ID} "
        f"external_ids:iface-status=active"
    )


def _unplug(lab: Lab, host: str) -> None:
    lab.switches[host].vsctl("--if-exists", "del-port", _TAP)
    run("ip", "-n", lab.host(host).netns, "link", "delete", _TAP, check=False)


def _run_on(host: str, *, up: bool) -> None:
    guest = _guest_on(host)
    run("ip", "-n", guest.netns, "link", "set", guest.device, "up" if up else "down")


def _document(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lab.ovsfleet("get", "port", "guest", "-o", "json"))
    return found


def _wait_bound(lab: Lab, host: str, migrating_to: str | None = None) -> None:
    def bound() -> bool:
        spec = _document(lab)["spec"]
        return (spec.get("host"), spec.get("migrating_to")) == (host, migrating_to)

    wait_until(f"the guest's port to be on {host} and {migrating_to}", bound, 30, 0.2)
    lab.ovsfleet("wait", "port", "guest", "--for=Ready", "--timeout=30")


def _leads_to(lab: Lab) -> list[str]:
    """Where the member without Open vSwitch sends frames for the guest's address."""
    entries = json.loads(in_netns(lab.host("h4").netns, "bridge", "-json", "fdb", "show"))
    return [e["dst"] for e in entries if e["mac"] == _MAC and "dst" in e]


def test_a_plugged_guest_is_carried_and_loses_nothing_when_it_moves(migrating: Lab) -> None:
    lab, old, new = migrating, _guest_on("h2"), _guest_on("h3")
    assert _document(lab)["status"]["phase"] == "Pending"

    _plug(lab, "h2")
    _run_on("h2", up=True)
    _wait_bound(lab, "h2")
    assert ping_all([(_PEER, old), (_BY_KERNEL, old)]) == {
        ("peer", "guest"),
        ("by-kernel", "guest"),
    }
    assert _leads_to(lab) == [lab.host("h2").vtep]

    with flow(_PEER, old) as before:
        _plug(lab, "h3")
        _wait_bound(lab, "h2", "h3")
        assert before.finish().lost == 0
    # Its frames go to both hosts, whichever it runs on at the moment.
    assert _leads_to(lab) == []

    _run_on("h2", up=False)
    _run_on("h3", up=True)
    broadcast_copies(new, [_PEER], 3)
    assert ping_all([(_PEER, new), (_BY_KERNEL, new)]) == {
        ("peer", "guest"),
        ("by-kernel", "guest"),
    }

    with flow(_PEER, new) as after:
        _unplug(lab, "h2")
        _wait_bound(lab, "h3")
        assert after.finish().lost == 0
    wait_until("the guest's new place", lambda: _leads_to(lab) == [lab.host("h3").vtep], 10)


def test_a_guest_whose_port_is_deleted_is_cut_off_and_otherwise_left_alone(migrating: Lab) -> None:
    lab, guest = migrating, _guest_on("h2")
    _plug(lab, "h2")
    _run_on("h2", up=True)
    _wait_bound(lab, "h2")
    assert ping_all([(_PEER, guest)])
    (segments_tag,) = lab.switches["h2"].vsctl("get", "port", _TAP, "tag").split()

    lab.ovsfleet("delete", "--wait", "port", "guest")

    row = lab.switches["h2"].vsctl("--columns=tag,external_ids", "list", "port", _TAP)
    assert "ovsfleet" not in row
    assert lab.switches["h2"].vsctl("get", "port", _TAP, "tag").strip() not in ("[]", segments_tag)
    assert not ping_all([(_PEER, guest)])
