"""The screens of the dashboard that there are pictures of, and how one gets to each.

A screen is an address of the staged fleet, what a person does there, and a text that is there once
it is complete. `docs/dashboard.md` shows them all.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from playwright.sync_api import FilePayload, Page, expect

from tests.support.staged_fleet import (
    HOST,
    PINNED,
    SEGMENT,
    TROUBLED,
    TROUBLED_PROJECT,
    Stage,
)

Act: TypeAlias = Callable[[Page, Stage], None]


class Viewer(enum.Enum):
    ADMIN = enum.auto()
    LIMITED = enum.auto()
    """May read one project."""
    NOBODY = enum.auto()
    """Is not signed in."""


@dataclass(frozen=True)
class Screen:
    name: str
    path: str
    shows: str
    """A text of the page once it is complete."""
    act: Act | None = None
    """What is done before it is looked at."""
    viewer: Viewer = Viewer.ADMIN
    on_phone: bool = False


_TROUBLED = f"/segments/{TROUBLED}?project={TROUBLED_PROJECT}"
_MTUS = itertools.cycle((1420, 1440, 1460, 1480))
_FILE = """\
kind: Segment
metadata: {name: guests, labels: {app: wifi}}
spec:
  subnets: [10.77.0.0/24]
---
kind: Port
metadata: {name: guests-r01-h05, labels: {app: wifi}}
spec: {host: r01-h05, segment: guests, interface: guests0}
---
kind: Port
metadata: {name: guests-r01-h06, labels: {app: wifi}}
spec: {host: r01-h06, segment: guests, interface: guests0}
---
kind: Segment
metadata: {name: cameras}
spec:
  subnets: [10.42.0.0/23]
  mtu: 1400
"""


def _press(name: str) -> Act:
    return lambda page, _: page.get_by_role("button", name=name).first.click()


def _tab(name: str) -> Act:
    return lambda page, _: page.get_by_role("tab", name=name).click()


def _search(page: Page, _: Stage) -> None:
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search pages").fill("r01-h1")
    expect(page.get_by_role("group", name="Hosts")).to_be_visible()


def _look_at_change(page: Page, _: Stage) -> None:
    page.get_by_role("textbox", name="MTU").fill("1450")
    page.get_by_role("tab", name="What would change").click()
    expect(page.get_by_label("Changes of Segment cameras")).to_contain_text("mtu: 1450")


def _meet_another_change(page: Page, stage: Stage) -> None:
    mtu = next(_MTUS)
    theirs = {"mtu": mtu, "subnets": ["10.42.0.0/24"]}
    page.get_by_role("textbox", name="MTU").fill(str(mtu + 10))
    there = stage.rest.put("/v1/segments/cameras", json=_cameras(theirs), headers={"If-Match": "*"})
    there.raise_for_status()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Somebody else changed it meanwhile")).to_be_visible()


def _cameras(spec: dict[str, object]) -> dict[str, object]:
    return {"kind": "Segment", "metadata": {"name": "cameras"}, "spec": spec}


def _give_wrong_numbers(page: Page, _: Stage) -> None:
    page.get_by_role("textbox", name="Name").fill("lobby")
    page.get_by_role("textbox", name="VNI", exact=True).fill("99999999")
    expect(page.get_by_text("16777215").nth(1)).to_be_visible()


def _write_yaml(page: Page, _: Stage) -> None:
    page.get_by_role("tab", name="YAML").click()
    expect(page.get_by_role("textbox", name="YAML of the segment")).to_be_visible()


def _choose_file(page: Page, _: Stage) -> None:
    file = FilePayload(name="wifi.yaml", mimeType="application/yaml", buffer=_FILE.encode())
    page.get_by_label("Files of manifests").set_input_files(file)
    plan = page.get_by_role("region", name="What would happen")
    expect(plan).to_contain_text("will be created")
    plan.scroll_into_view_if_needed()


def _decide_release(page: Page, _: Stage) -> None:
    page.get_by_role("button", name="Actions").click()
    page.get_by_role("menuitem", name="Release").click()
    expect(page.get_by_role("dialog")).to_be_visible()


SCREENS = (
    Screen("login", "/", "Sign in to ovsfleet", viewer=Viewer.NOBODY, on_phone=True),
    Screen("fleet", "/", "Needs attention", on_phone=True),
    Screen("palette", "/", "Needs attention", _search),
    Screen("topology", "/topology?group_by=zone", "zone-01", on_phone=True),
    Screen("topology-segment", f"/topology?segment={SEGMENT}&alone=1", SEGMENT),
    Screen("hosts", "/hosts", "r01-h02", on_phone=True),
    Screen("host", f"/hosts/{HOST}", "Conditions", on_phone=True),
    Screen("host-bridges", f"/hosts/{HOST}?tab=bridges", f"door-{HOST}", on_phone=True),
    Screen("host-tunnels", f"/hosts/{HOST}?tab=tunnels&q=failed", "InterfaceError"),
    Screen("host-inventory", f"/hosts/{HOST}?tab=inventory", "br-int"),
    Screen("host-observed", f"/hosts/{HOST}?tab=observed", "AlreadyTaken"),
    Screen("host-drift", f"/hosts/{HOST}?tab=drift", "rstp_enable"),
    Screen("host-events", f"/hosts/{HOST}?tab=events", "InterfaceError"),
    Screen("host-history", "/hosts/r01-h08?tab=history", "Revision"),
    Screen("release", f"/hosts/{PINNED}", "Conditions", _decide_release),
    Screen("segment", _TROUBLED, "As intended"),
    Screen("segment-tunnels", f"{_TROUBLED}&tab=tunnels&from={HOST}", "r01-h01"),
    Screen("segment-charts", f"/segments/{SEGMENT}?tab=charts", "Throughput"),
    Screen("port", f"/ports/gate-{HOST}", "AlreadyTaken"),
    Screen("bridge", f"/bridges/lan-{HOST}?tab=ports", f"door-{HOST}"),
    Screen("tunnel", "/tunnels/link-14", "As intended"),
    Screen("edit", "/segments/new", "Create a segment", _give_wrong_numbers, on_phone=True),
    Screen("edit-yaml", "/segments/cameras/edit", "Edit segment cameras", _write_yaml),
    Screen("edit-change", "/segments/cameras/edit", "Edit segment cameras", _look_at_change),
    Screen("edit-merge", "/segments/cameras/edit", "Edit segment cameras", _meet_another_change),
    Screen("delete", "/tunnels/link-14", "As intended", _press("Delete")),
    Screen("apply", "/apply", "Apply", _choose_file),
    Screen("events", "/events?severity=warning", "StreamEnded", on_phone=True),
    Screen("enrol", "/enrol?host=r02-h21", "Which host", _press("Make the line")),
    Screen("settings", "/settings", "inventory"),
    Screen("forbidden", f"/hosts/{HOST}?tab=observed", "not yours to see", viewer=Viewer.LIMITED),
)
