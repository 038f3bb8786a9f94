"""Open vSwitch comes back with another database, or with devices that others made anew."""

from __future__ import annotations

import time
from typing import Any

import pytest

from deploy.lab.shell import run, wait_until
from tests.support import fault_reboot
from tests.support.fault_foreign import dump, owned_names
from tests.support.fault_results import write_result
from tests.support.fault_site import FLOW_FROM, FLOW_TO, FaultSite

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

_HOST = "h2"


def _converge(site: FaultSite, since: float) -> float:
    _, missing = site.wait_settled(60)
    took = time.monotonic() - since
    assert not missing, missing
    site.wait_answer((FLOW_FROM, FLOW_TO))
    return round(took, 3)


def _names(site: FaultSite) -> list[str]:
    return owned_names(dump(site.lab.switches[_HOST]))


def _port(name: str) -> Any:
    spec = {"host": _HOST, "segment": "churn-1", "interface": name}
    return {"kind": "Port", "metadata": {"name": name}, "spec": spec}


def test_a_new_database_is_filled_again(site: FaultSite) -> None:
    before = _names(site)
    fault_reboot.stop_open_vswitch(site, _HOST)
    fault_reboot.lose_database(site, _HOST)
    fault_reboot.delete_devices(site, _HOST)
    fault_reboot.boot(site, _HOST, with_database=False)
    took = _converge(site, time.monotonic())
    assert _names(site) == before
    assert site.changes_but_for_a_boot() == []
    write_result("database_recreated", {"converged_s": took})


def test_an_older_database_is_brought_to_what_is_intended_and_nothing_in_it_is_deleted_unasked(
    site: FaultSite,
) -> None:
    site.fleet.apply([_port("older0")], wait=20)
    fault_reboot.copy_database(site, _HOST, "older.db")
    site.fleet.delete([_port("older0")], wait=20)
    site.fleet.apply([_port("newer0")], wait=20)
    fault_reboot.stop_open_vswitch(site, _HOST)
    fault_reboot.restore_database(site, _HOST, "older.db")
    fault_reboot.start_open_vswitch(site, _HOST)
    started = time.monotonic()
    wait_until("newer0 to be back", lambda: "newer0" in _names(site), 20)
    took = time.monotonic() - started
    wait_until("older0 to be told", lambda: "NotRemoved" in _reasons(site), 20)
    assert "older0" in _names(site)
    assert site.foreign_changes(_is_number) == []
    _clear(site)
    write_result("database_older", {"converged_s": round(took, 3)})


def _is_number(line: str) -> bool:
    """ovs-vswitchd numbers ports anew at each of its starts."""
    return line.partition(": ")[2][1:].startswith("Interface") and " ofport=" in line


def _reasons(site: FaultSite) -> set[str]:
    document = site.agent_says(_HOST)
    failures = document["report"]["failures"] if document and document["report"] else []
    return {failure["reason"] for failure in failures}


def _clear(site: FaultSite) -> None:
    """A person looks at what is left over, and takes it away."""
    site.lab.switches[_HOST].vsctl("del-port", "older0")
    site.fleet.delete([_port("newer0")], wait=20)
    _, missing = site.wait_settled(30)
    assert not missing, missing
    site.remember_foreign()


def test_a_device_that_was_deleted_is_made_and_plugged_again(site: FaultSite) -> None:
    netns = site.lab.host(_HOST).netns
    run("ip", "-n", netns, "link", "delete", f"fl-{_HOST}")
    started = time.monotonic()
    wait_until("the device to be back", lambda: _has_device(netns), 20, 0.02)
    took = _converge(site, started)
    assert site.foreign_changes() == []
    write_result("device_recreated", {"converged_s": took})


def _has_device(netns: str) -> bool:
    return f"fl-{_HOST}" in run("ip", "-n", netns, "-br", "link", "show")
