"""The Python client as an orchestrator uses it: against a real controller's REST API."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from controller.client.fleet import Fleet, NotRealizedError, ProblemError, UnreachableError
from controller.client.fleet.collections import Collection
from controller.client.fleet.documents import Manifest
from controller.client.fleet.operations import OPERATIONS, Operation
from tests.support.api import Api, LiveServer
from tests.support.reports import ReportingHost

pytestmark = pytest.mark.integration

_DEADLINE_S = 30
_EXAMPLE = Path(__file__).parents[2] / "docs/examples/python/first_segment.py"


def manifest(kind: Any, name: str, **spec: Any) -> Manifest:
    return {"kind": kind, "metadata": {"name": name}, "spec": spec}


def host(number: int) -> Manifest:
    return manifest("Host", f"h{number}", vteps=[f"192.0.2.{number}"], datapath_type="netdev")


def port(number: int) -> Manifest:
    return manifest("Port", f"p{number}", host=f"h{number}", interface="eth0", segment="red")


RED = manifest("Segment", "red")
TUNNEL_ENDS = [{"host": "h1", "bridge": "b1"}, {"ip": "198.51.100.1"}]
OF_EACH_KIND = {
    "hosts": host(3),
    "bridges": manifest("Bridge", "b2", host="h1", interface="br-two"),
    "segments": manifest("Segment", "blue"),
    "ports": port(1),
    "tunnels": manifest("Tunnel", "t", ends=TUNNEL_ENDS),
    "pools": manifest("Pool", "vnis", type="vni", ranges=["5000-5999"]),
    "transport_zones": manifest("TransportZone", "hall-a"),
    "host_groups": manifest("HostGroup", "edge", selector="role=edge"),
    "tunnel_profiles": manifest("TunnelProfile", "fast", ttl=9),
    "qos_policies": manifest("QosPolicy", "gold", max_rate_bps=1_000_000),
    "mirrors": manifest("Mirror", "m", host="h1", bridge="b1", select_all=True, output_vlan=7),
    "flow_exports": manifest("FlowExport", "f", protocol="sflow", targets=["198.51.100.9:6343"]),
}
HOOK = {"name": "hook", "url": "http://198.51.100.7/hook", "events": ["object.created"]}


class Wire(httpx.BaseTransport):
    """The real transport, with a note of what passed, and with answers that get lost."""

    def __init__(self, lose: Callable[[httpx.Request], bool] = lambda _: False) -> None:
        self.sent: list[httpx.Request] = []
        self._lose = lose
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        response = self._inner.handle_request(request)
        if self._lose(request):
            response.read()
            raise httpx.ReadError("the connection broke off", request=request)
        return response

    def close(self) -> None:
        self._inner.close()

    def operations(self) -> set[str]:
        return {_operation(request).id for request in self.sent}


def _operation(request: httpx.Request) -> Operation:
    (found,) = (
        each
        for each in OPERATIONS.values()
        if each.method == request.method
        and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", each.path), request.url.path)
    )
    return found


def first_answer_is_lost() -> Callable[[httpx.Request], bool]:
    chances = iter([True])
    return lambda _: next(chances, False)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def fleet(api: Api, live: LiveServer, wire: Wire) -> Iterator[Fleet]:
    with Fleet(live.url, api.secret, transport=wire) as connected:
        connected.apply([host(1), host(2), RED, manifest("Bridge", "b1", host="h1", interface="b")])
        yield connected


@contextmanager
def agents(api: Api, fleet: Fleet, *names: str) -> Iterator[None]:
    """Hosts that report every change as soon as they hear of it, by a watch of their own."""
    hosts = [ReportingHost(api.db, fleet.hosts.get(name)["metadata"]["uid"]) for name in names]
    done = threading.Event()
    start = fleet.summary()["revision"]

    def follow() -> None:
        for event in fleet.watch(from_revision=start):
            if done.is_set():
                return
            if event["event"] == "change":
                for each in hosts:
                    each.report(event["data"]["revision"])

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        done.set()
        fleet.segments.create(manifest("Segment", "end-of-the-watch"))
        thread.join(_DEADLINE_S)
        assert not thread.is_alive()


def use_collection(collection: Collection, wanted: Manifest) -> None:
    """Everything that can be done with an object of any kind."""
    name = wanted["metadata"]["name"]
    made = collection.create(wanted)
    assert collection.get(name) == {k: v for k, v in made.items() if k != "warnings"}
    (created,) = collection.history(name)
    assert created["revision"] == made["metadata"]["revision"]
    made["metadata"]["labels"] = {"tier": "web"}
    replaced = collection.replace(made)
    assert replaced["metadata"]["uid"] == made["metadata"]["uid"]
    assert list(collection.list(label_selector="tier=web")) == [collection.get(name)]
    revision = replaced["metadata"]["revision"]
    patched = collection.patch(name, {"metadata": {"labels": {"tier": None}}}, revision=revision)
    assert patched["metadata"]["labels"] == {}
    assert collection.realization(name)["revision"] == patched["metadata"]["revision"]
    gone = collection.delete(name, revision=patched["metadata"]["revision"])
    assert gone["revision"] > patched["metadata"]["revision"]


def test_every_method_does_what_it_says_by_the_operation_that_it_is_listed_with(
    fleet: Fleet, wire: Wire
) -> None:
    for many, wanted in OF_EACH_KIND.items():
        use_collection(getattr(fleet, many), wanted)
    assert [h["metadata"]["name"] for h in fleet.hosts.list(page_size=1)] == ["h1", "h2"]
    chosen = fleet.hosts.list(filter='metadata.name : "h*"', order_by="name desc")
    assert [h["metadata"]["name"] for h in chosen] == ["h2", "h1"]
    missed = islice(fleet.watch(from_revision=0), 4)
    assert {each["data"]["name"] for each in missed} == {"h1", "h2", "red", "b1"}
    assert [d["name"] for d in fleet.diff([RED, port(1)])["items"]] == ["p1"]
    assert fleet.apply([port(1), port(2)], dry_run=True)["results"][0]["action"] == "created"
    revision = fleet.apply([port(1), port(2)])["revision"]
    assert not fleet.revision(revision)["realized"]
    assert fleet.summary()["revision"] == revision
    assert fleet.export(kind="Port").count("kind: Port") == 2
    for name, kind in (("h1", "Host"), ("p1", "Port"), ("red", "Segment")):
        assert fleet.stats(kind, name)["object"]["kind"] == kind  # type: ignore[arg-type]
    fleet.tunnels.create(OF_EACH_KIND["tunnels"])
    assert fleet.stats("Tunnel", "t", step=60)["step_seconds"] >= 60
    assert {t["host"] for t in fleet.segments.tunnels("red", page_size=1)} == {"h1", "h2"}
    mesh, explicit = fleet.hosts.tunnels("h1", page_size=1)
    assert (mesh["kind"], explicit["kind"]) == ("mesh", "explicit")
    assert [*fleet.hosts.tunnels("h1", q="RED h2")] == [mesh]
    assert [*fleet.hosts.tunnels("h1", remote="h2", ids=[mesh["id"], explicit["id"]])] == [mesh]
    (between,) = fleet.topology(group_by="host")["edges"]
    assert (between["tunnels"], between["segments"]) == (1, 1)
    assert fleet.hosts.desired_state("h1")["state"]["host"]["host_name"] == "h1"
    assert (fleet.hosts.failures("h1"), fleet.hosts.rates("h1")) == ([], [])
    assert (fleet.hosts.inventory("h1")["links_total"], fleet.find_interfaces("vif-1")) == (0, [])
    assert (fleet.whoami()["name"], [*fleet.attention(kind="Host")]) == ("admin", [])
    assert [each["name"] for each in fleet.search("p1", kind="Port")] == ["p1"]
    assert [*fleet.hosts.drift_events("h1"), *fleet.drift_events(kind="Port", name="p1")] == []
    with pytest.raises(ProblemError, match="NotEnrolled"):
        fleet.hosts.observed("h1", resources=["overlay"])
    assert next(fleet.changes(kind="Port", principal="admin"))["name"] == "p2"
    assert next(fleet.events(kind="Port", severity="info"))["principal"] == "admin"
    use_pools_and_groups(fleet)
    use_hosts(fleet)
    assert "h1" in fleet.hosts.create_join_token("h1", ttl_seconds=60)["token"]
    assert fleet.delete([port(1), port(2)])["results"][1]["action"] == "deleted"
    use_webhooks(fleet)
    assert wire.operations() | {"watch"} == OPERATIONS.keys()


def use_hosts(fleet: Fleet) -> None:
    assert fleet.hosts.release("h1")["pin"] is None
    assert fleet.hosts.withdraw("h1")["resources"] == []
    before = fleet.hosts.grants("h1")["count"]
    fleet.hosts.adopt("h1", [{"kind": "Port", "name": "p1"}])
    assert fleet.hosts.grants("h1")["count"] == before + 1
    assert "h1" in fleet.hosts.replace_machine("h1", ttl_seconds=60)["token"]
    fleet.hosts.create(host(3))
    leaving = fleet.hosts.decommission("h3")
    assert leaving["spec"]["state"] == "decommissioning"


def use_pools_and_groups(fleet: Fleet) -> None:
    fleet.pools.create(OF_EACH_KIND["pools"])
    for name in ("one", "two", "three"):
        fleet.segments.create(manifest("Segment", name, vni_pool="vnis"))
    usage = fleet.pools.usage("vnis", page_size=1)
    assert [each["name"] for each in usage["allocations"]] == ["one", "two", "three"]
    assert usage["free"] == usage["total"] - 3
    fleet.host_groups.create(OF_EACH_KIND["host_groups"])
    assert list(fleet.host_groups.hosts("edge")) == []
    fleet.hosts.patch("h1", {"metadata": {"labels": {"role": "edge"}}})
    assert [each["metadata"]["name"] for each in fleet.host_groups.hosts("edge")] == ["h1"]


def use_webhooks(fleet: Fleet) -> None:
    made = fleet.webhooks.create(HOOK)
    assert [each["name"] for each in fleet.webhooks.list()] == ["hook"]
    changed = fleet.webhooks.replace({**HOOK, "label_selector": "a"}, revision=made["revision"])
    assert fleet.webhooks.get("hook")["revision"] == changed["revision"]
    sent = fleet.webhooks.test("hook")
    assert [each["id"] for each in fleet.webhooks.deliveries("hook")] == [sent["id"]]
    fleet.webhooks.delete("hook", revision=changed["revision"])


def test_a_write_whose_answer_is_lost_is_done_once_and_told_where_it_cannot_be_repeated(
    api: Api, live: LiveServer
) -> None:
    wire = Wire(first_answer_is_lost())
    with Fleet(live.url, api.secret, transport=wire) as fleet:
        made = fleet.hosts.create(host(1))
    assert made["metadata"]["revision"] == api.head() == 1
    assert [each.method for each in wire.sent] == ["POST", "POST"]
    wire = Wire(first_answer_is_lost())
    with Fleet(live.url, api.secret, transport=wire) as fleet, pytest.raises(UnreachableError):
        fleet.hosts.create_join_token("h1")
    assert len(wire.sent) == 1


def test_a_refusal_says_all_that_is_wrong_and_stale_documents_and_bad_tokens_are_told_apart(
    live: LiveServer, fleet: Fleet
) -> None:
    with pytest.raises(ProblemError) as refused:
        fleet.apply([manifest("Segment", "s", vni=0, mtu=1)])
    assert (refused.value.status, len(refused.value.violations) > 1) == (422, True)
    assert all(each.pointer and each.fix for each in refused.value.violations)
    assert refused.value.request_id
    red = fleet.segments.get("red")
    fleet.segments.patch("red", {"spec": {"mtu": 1400}})
    with pytest.raises(ProblemError) as stale:
        fleet.segments.replace(red)
    assert (stale.value.status, stale.value.code) == (412, "stale")
    assert fleet.segments.replace(red, force=True)["spec"]["mtu"] == "auto"
    with Fleet(live.url, "ovsf_wrong") as stranger, pytest.raises(ProblemError) as unknown:
        next(stranger.watch(from_revision=0))
    assert (unknown.value.status, unknown.value.code) == (401, "unauthenticated")


def test_an_apply_returns_when_the_hosts_have_it_and_names_those_that_have_not(
    api: Api, fleet: Fleet
) -> None:
    with agents(api, fleet, "h1"):
        fleet.apply([port(1)], wait=_DEADLINE_S)
        with pytest.raises(NotRealizedError, match=r"1 of 2 hosts.* h2 "):
            fleet.apply([port(2)], wait=0.5)
        with pytest.raises(NotRealizedError):
            fleet.apply([port(1), port(2)], wait=0.1)
    assert fleet.ports.get("p1")["status"]["phase"] == "Ready"


def test_the_example_of_the_documentation_works(api: Api, live: LiveServer, fleet: Fleet) -> None:
    with agents(api, fleet, "h1", "h2"):
        done = subprocess.run(
            [sys.executable, _EXAMPLE],
            env={**os.environ, "OVSFLEET_URL": live.url, "OVSFLEET_TOKEN": api.secret},
            capture_output=True,
            text=True,
            timeout=_DEADLINE_S,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert "tunnel from h1 to h2" in done.stdout
    assert done.stdout.endswith("labelled ['vm-a']\n")
