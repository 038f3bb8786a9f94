"""Every page, on a wide window and on a phone, in light and in dark: can everybody use it?"""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import ViewportSize, expect

from controller.services.status import ReportedFailure
from tests.support.api import Api
from tests.support.dashboard import (
    DESKTOP,
    PHONE,
    OpenPage,
    access_faults,
    apply,
    expect_live,
    expect_page,
    host,
    manifest,
    port,
    segment,
    sideways,
    sign_in,
    uid_of,
    visit,
)
from tests.support.reports import ReportingHost

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

_ENDS = [{"host": "alpha", "bridge": "edge"}, {"ip": "198.51.100.1"}]
_OBJECTS = (
    manifest("Pool", "vnis", type="vni", ranges=["5000-5999"]),
    manifest("TransportZone", "hall"),
    manifest("HostGroup", "rack", selector="rack=r1"),
    manifest("TunnelProfile", "fast", ttl=9),
    manifest("QosPolicy", "gold", max_rate_bps=1_000_000),
    host("alpha", "192.0.2.1"),
    host("bravo", "192.0.2.2"),
    segment("blue", vni=7001, mtu=1400),
    port("web", "alpha", "blue", mac="02:00:00:00:00:aa", addresses=["198.51.100.9/24"]),
    port("db", "bravo", "blue"),
    manifest("Bridge", "edge", host="alpha", interface="br-edge"),
    manifest("Tunnel", "campus", ends=_ENDS),
    manifest("Mirror", "copy", host="alpha", bridge="edge", select_all=True, output_vlan=7),
    manifest("FlowExport", "flows", protocol="sflow", targets=["198.51.100.9:6343"]),
)
_LISTS = {
    "hosts": "Hosts",
    "segments": "Segments",
    "ports": "Ports",
    "tunnels": "Tunnels",
    "pools": "Pools",
    "mirrors": "Mirrors",
}
"""Of the others, the columns are those of one of these."""
_NAMED = {
    "hosts": "alpha",
    "segments": "blue",
    "ports": "web",
    "bridges": "edge",
    "tunnels": "campus",
    "host-groups": "rack",
    "transport-zones": "hall",
    "pools": "vnis",
    "tunnel-profiles": "fast",
    "qos-policies": "gold",
    "mirrors": "copy",
    "flow-exports": "flows",
}
_FORMS = {"hosts": "host", "segments": "segment", "ports": "port", "tunnels": "tunnel"}
"""With inputs of every sort: texts, numbers, choices, references, lists, groups and maps."""
_HOST_TABS = ("bridges", "tunnels", "inventory", "observed", "drift", "events", "history", "yaml")
_SEGMENT_TABS = ("ports", "tunnels", "charts", "realization")
_PAGES = (
    ("/", "Fleet"),
    ("/topology", "Topology"),
    ("/events", "Events"),
    ("/apply", "Apply a file"),
    ("/enrol", "Enrol a host"),
    ("/settings", "Settings"),
    ("/nowhere/at/all/to/go", "No such page"),
    ("/segments/none", "none"),
    *((f"/{collection}", title) for collection, title in _LISTS.items()),
    *((f"/{collection}/{name}", name) for collection, name in _NAMED.items()),
    *((f"/{collection}/new", f"Create a {noun}") for collection, noun in _FORMS.items()),
    *((f"/hosts/alpha?tab={tab}", "alpha") for tab in _HOST_TABS),
    *((f"/segments/blue?tab={tab}", "blue") for tab in _SEGMENT_TABS),
    ("/pools/vnis?tab=usage", "vnis"),
    ("/segments/blue/edit", "Edit segment blue"),
)


@pytest.mark.parametrize(
    ("viewport", "colours"),
    [
        pytest.param(DESKTOP, "light", id="desktop"),
        pytest.param(PHONE, "dark", id="phone", marks=pytest.mark.large),
    ],
)
def test_everybody_can_use_every_page(
    open_page: OpenPage,
    api: Api,
    fleet: httpx.Client,
    axe: str,
    *,
    viewport: ViewportSize,
    colours: str,
) -> None:
    _seed(fleet, api)
    page = open_page(color_scheme=colours, viewport=viewport)
    sign_in(page, "ovsf_wrong")
    expect(page.get_by_text("This token was refused")).to_be_visible()
    faults = {"sign-in": access_faults(page, axe) + sideways(page)}
    sign_in(page, api.secret)
    expect_live(page)
    for path, title in _PAGES:
        visit(page, path)
        expect_page(page, title)
        faults[path] = access_faults(page, axe) + sideways(page)
    assert {path: found for path, found in faults.items() if found} == {}


def _seed(fleet: httpx.Client, api: Api) -> None:
    """One object of each kind, a host that is well and one that is not."""
    revision = apply(fleet, *_OBJECTS)["revision"]
    alpha = ReportingHost(api.db, uid_of(fleet, "hosts/alpha"))
    web = f"port:{uid_of(fleet, 'ports/web')}"
    taken = ReportedFailure(web, "conflict", "AlreadyTaken", "`br-lan` has a port web")
    alpha.report(revision, [taken])
    ReportingHost(api.db, uid_of(fleet, "hosts/bravo")).report(revision)
