"""A host boots while the controller is away: all of it comes back from its own disk."""

from __future__ import annotations

import time

import pytest

from deploy.lab.lab import CONTROLLER
from deploy.lab.probes import ping_all
from deploy.lab.shell import wait_until
from tests.support import fault_reboot
from tests.support.fault_fabric import violations
from tests.support.fault_history import read_back
from tests.support.fault_results import write_result
from tests.support.fault_site import FLOW_BY_KERNEL, FLOW_FROM, FLOW_TO, FaultSite

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

_PAIRS = [(FLOW_FROM, FLOW_TO), (FLOW_TO, FLOW_FROM), (FLOW_FROM, FLOW_BY_KERNEL)]


@pytest.mark.parametrize("with_database", [True, False], ids=["kept", "lost"])
def test_a_host_comes_back_from_its_own_disk_while_the_controller_is_away(
    site: FaultSite, *, with_database: bool
) -> None:
    host = "h1"
    stored, _ = read_back(site.fleet, 10)
    site.lab.processes.get(CONTROLLER).kill()
    try:
        took = _reboot(site, host, with_database=with_database)
        assert violations(site.lab, stored) == []
    finally:
        site.lab.start_controller()
    _, missing = site.wait_settled(30)
    assert not missing, missing
    assert site.changes_but_for_a_boot() == []
    name = "database_kept" if with_database else "database_lost"
    write_result(f"reboot_{name}", {"converged_s": took})


def _reboot(site: FaultSite, host: str, *, with_database: bool) -> float:
    """Seconds until the host's segments carry packets again, from when it has booted."""
    site.lab.agent_process(host).kill()
    fault_reboot.stop_open_vswitch(site, host)
    if not with_database:
        fault_reboot.lose_database(site, host)
    fault_reboot.delete_devices(site, host)
    fault_reboot.boot(site, host, with_database=with_database)
    site.lab.start_agent(host)
    started = time.monotonic()
    wait_until("packets across", lambda: len(ping_all(_PAIRS)) == len(_PAIRS), 30)
    return round(time.monotonic() - started, 3)


def test_a_host_without_open_vswitch_comes_back_from_its_own_disk(site: FaultSite) -> None:
    host = "h4"
    stored, _ = read_back(site.fleet, 10)
    site.lab.processes.get(CONTROLLER).kill()
    try:
        site.lab.agent_process(host).kill()
        fault_reboot.delete_devices(site, host)
        fault_reboot.boot_without_open_vswitch(site, host)
        site.lab.start_agent(host)
        started = time.monotonic()
        pair = (FLOW_BY_KERNEL, FLOW_FROM)
        wait_until("packets across", lambda: len(ping_all([pair])) == 1, 30)
        took = time.monotonic() - started
        assert violations(site.lab, stored) == []
    finally:
        site.lab.start_controller()
    _, missing = site.wait_settled(30)
    assert not missing, missing
    assert site.changes_but_for_a_boot() == []
    write_result("reboot_without_open_vswitch", {"converged_s": round(took, 3)})
