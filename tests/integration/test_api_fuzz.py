"""Whatever a body holds, the answer is a result or a problem that can be mended: never a 5xx."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.api import Api, LiveServer

pytestmark = pytest.mark.integration

NAMES = st.sampled_from(["h1", "h2", "blue", "web", "br-x", "nothing", "", "A b", "x" * 16, "é"])
NUMBERS = st.sampled_from([-1, 0, 1, 68, 576, 1450, 1500, 4094, 4095, 65536, 16777215, 16777216])
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)
)
ADDRESSES = st.sampled_from(
    ["192.0.2.1", "192.0.2.1/24", "2001:db8::1", "2001:db8::1/64", "0.0.0.0/0", "fe80::1%eth0", "/"]
)
MACS = st.sampled_from(["02:00:00:00:00:01", "02-00-00-00-00-01", "ff:ff:ff:ff:ff:ff", "x", ""])


def mostly(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Of the right type in three cases of four, so that the rules behind the shapes are reached."""
    return st.one_of(good, good, good, JUNK)


ENDS = st.fixed_dictionaries(
    {},
    optional={
        "host": mostly(st.sampled_from(["h1", "h2"])),
        "bridge": mostly(st.sampled_from(["br-x", "web"])),
        "ip": mostly(ADDRESSES),
        "tag": mostly(NUMBERS),
    },
)

SPECS = {
    "Host": {
        "vteps": mostly(st.lists(ADDRESSES, max_size=3)),
        "underlay_mtu": mostly(NUMBERS),
        "datapath_type": mostly(st.sampled_from(["system", "netdev"])),
        "overlay_bridge": mostly(NAMES),
        "overlay_bridge_type": mostly(st.sampled_from(["ovs", "linux"])),
    },
    "Bridge": {"host": mostly(NAMES), "interface": mostly(NAMES)},
    "Segment": {
        "vni": mostly(NUMBERS),
        "mtu": mostly(st.one_of(NUMBERS, st.just("auto"))),
        "dst_port": mostly(NUMBERS),
        "address_family": mostly(st.sampled_from(["ipv4", "ipv6"])),
        "backend": mostly(st.sampled_from(["auto", "ovs", "kernel"])),
    },
    "Port": {
        "host": mostly(NAMES),
        "interface": mostly(NAMES),
        "type": mostly(st.sampled_from(["internal", "veth"])),
        "segment": mostly(NAMES),
        "bridge": mostly(NAMES),
        "tag": mostly(NUMBERS),
        "mac": mostly(MACS),
        "mtu": mostly(NUMBERS),
        "addresses": mostly(st.lists(ADDRESSES, max_size=3)),
        "peer": mostly(st.fixed_dictionaries({"netns": NAMES, "interface": NAMES})),
    },
    "Tunnel": {
        "ends": mostly(st.lists(ENDS, max_size=3)),
        "key": mostly(NUMBERS),
        "dst_port": mostly(NUMBERS),
        "address_family": mostly(st.sampled_from(["ipv4", "ipv6"])),
        "ttl": mostly(st.one_of(NUMBERS, st.just("inherit"))),
        "csum": mostly(st.booleans()),
    },
}


@st.composite
def manifests(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(sorted(SPECS)))
    metadata = draw(
        st.fixed_dictionaries(
            {"name": mostly(NAMES)},
            optional={
                "project": mostly(st.sampled_from(["default", "none"])),
                "labels": mostly(st.dictionaries(st.text(max_size=5), st.text(max_size=5))),
            },
        )
    )
    spec = draw(st.fixed_dictionaries({}, optional=SPECS[kind]))
    return {"kind": kind, "metadata": metadata, "spec": spec}


BODIES = st.fixed_dictionaries(
    {"objects": mostly(st.lists(st.one_of(manifests(), manifests(), JUNK), max_size=6))},
    optional={"dry_run": mostly(st.booleans())},
)


@pytest.fixture
def client(api: Api, live: LiveServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {api.secret}"}
    with httpx.Client(base_url=live.url, headers=headers, timeout=30) as made:
        yield made


def assert_answered(answer: httpx.Response, body: object) -> None:
    assert answer.status_code in {200, 400, 404, 409, 422}, (answer.text, body)
    if answer.status_code != 200:
        problem = answer.json()
        assert problem["errors"], (problem, body)
        assert all(error["detail"] and error["fix"] for error in problem["errors"])


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=BODIES, deleting=st.booleans())
def test_no_manifest_makes_the_controller_fail_and_no_refusal_writes(
    api: Api, client: httpx.Client, body: dict[str, Any], deleting: bool
) -> None:
    before = api.head()
    path = "/v1/delete" if deleting else "/v1/apply"
    answer = client.post(path, content=json.dumps(body))
    assert_answered(answer, body)
    if answer.status_code != 200:
        assert api.head() == before


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
@pytest.mark.parametrize("media_type", ["application/json", "application/yaml"])
def test_no_bytes_make_the_controller_fail(
    client: httpx.Client, media_type: str, content: bytes
) -> None:
    answer = client.post("/v1/apply", content=content, headers={"Content-Type": media_type})
    assert_answered(answer, content)
