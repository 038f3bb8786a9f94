"""A host that goes down as a whole, and what comes back by itself: its cards, Open vSwitch's
database where that is not lost, and what its own configuration makes.

Namespaces of the host stay, for the tests' own sake; every device that a reboot takes away goes.
"""

from __future__ import annotations

import json
import shutil

from deploy.lab.network import add_foreign_devices, address_vteps
from deploy.lab.shell import run
from tests.support import fault_foreign
from tests.support.fault_site import FaultSite

_CARDS = {"lo", "mgmt0", "under0"}


def stop_open_vswitch(site: FaultSite, host: str) -> None:
    for daemon in ("ovs-vswitchd", "ovsdb-server"):
        site.lab.processes.get(f"{host}/{daemon}").kill()


def start_open_vswitch(site: FaultSite, host: str) -> None:
    switch = site.lab.switches[host]
    switch.start_ovsdb_server()
    switch.start_vswitchd()


def lose_database(site: FaultSite, host: str) -> None:
    (site.lab.switches[host].directory / "conf.db").unlink()


def copy_database(site: FaultSite, host: str, name: str) -> None:
    database = site.lab.switches[host].directory / "conf.db"
    shutil.copyfile(database, database.with_name(name))


def restore_database(site: FaultSite, host: str, name: str) -> None:
    database = site.lab.switches[host].directory / "conf.db"
    database.with_name(name).replace(database)


def delete_devices(site: FaultSite, host: str) -> None:
    """All devices but the cards."""
    netns = site.lab.host(host).netns
    for link in json.loads(run("ip", "-n", netns, "-json", "link", "show")):
        if link["ifname"] not in _CARDS:
            run("ip", "-n", netns, "link", "delete", link["ifname"], check=False)


def boot(site: FaultSite, host: str, *, with_database: bool) -> None:
    """What the host's own start-up does: Open vSwitch, its VTEP's addresses, others' devices."""
    switch = site.lab.switches[host]
    if with_database:
        start_open_vswitch(site, host)
        address_vteps(site.lab.host(host), "under0" if site.lab.kernel_datapath else "br-phy")
    else:
        switch.start()
        fault_foreign.add_foreign_rows(switch)
    fault_foreign.add_foreign_devices(site.lab.host(host).netns)


def boot_without_open_vswitch(site: FaultSite, host: str) -> None:
    add_foreign_devices(site.lab.host(host))
    fault_foreign.add_foreign_devices(site.lab.host(host).netns)
