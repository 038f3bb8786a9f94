"""The Open vSwitch of one lab host: a private ovsdb-server and ovs-vswitchd inside its namespace.

With the kernel datapath the VTEP address is on the underlay link. Without it, ovs-vswitchd
encapsulates in userspace and needs the address on a bridge of its own (``br-phy``, netdev, with the
underlay link as its port). ``br-phy`` and the foreign bridge that stands for somebody else's
configuration belong to the lab: ovsfleet must never touch them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deploy.lab.network import address_vteps
from deploy.lab.processes import ProcessTable
from deploy.lab.shell import in_netns, run, wait_until
from deploy.lab.topology import HostPlan

_SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
FOREIGN_BRIDGE = "br-foreign"


@dataclass(frozen=True, slots=True)
class LabSwitch:
    """ovsdb-server and ovs-vswitchd of ``host``, on record in ``processes``."""

    host: HostPlan
    processes: ProcessTable
    kernel_datapath: bool

    @property
    def directory(self) -> Path:
        return self.host.directory / "ovs"

    @property
    def remote(self) -> str:
        return f"unix:{self.directory}/db.sock"

    @property
    def datapath_type(self) -> str:
        return "system" if self.kernel_datapath else "netdev"

    def vsctl(self, *words: str, wait: bool = True) -> str:
        no_wait = [] if wait else ["--no-wait"]
        return run("ovs-vsctl", f"--db={self.remote}", "--timeout=20", *no_wait, *words)

    def vsctl_line(self, words: str) -> str:
        return self.vsctl(*words.split())

    def start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.start_ovsdb_server()
        self.vsctl("init", wait=False)
        # As ovs-ctl(8) does; nobody else writes the version.
        version = run("ovs-vswitchd", "--version").split("\n")[0].rsplit(" ", 1)[-1]
        self.vsctl("set", "Open_vSwitch", ".", f"ovs_version={version}", wait=False)
        self.start_vswitchd()
        self._add_underlay()
        self._add_foreign_configuration()

    def start_ovsdb_server(self) -> None:
        """Starts it on the database that is there, or on a new one."""
        database = self.directory / "conf.db"
        if not database.exists():
            run("ovsdb-tool", "create", database, _SCHEMA)
        in_netns(
            self.host.netns,
            "ovsdb-server",
            database,
            f"--remote=punix:{self.directory}/db.sock",
            f"--pidfile={self.directory}/ovsdb-server.pid",
            f"--unixctl={self.directory}/ovsdb-server.ctl",
            f"--log-file={self.directory}/ovsdb-server.log",
            "-vconsole:off",
            "--detach",
            "--no-chdir",
        )
        self.processes.adopt(f"{self.host.name}/ovsdb-server", self.directory / "ovsdb-server.pid")

    def start_vswitchd(self) -> None:
        """Starts ovs-vswitchd as a distribution's unit would; rows that exist take effect."""
        in_netns(
            self.host.netns,
            "env",
            f"OVS_RUNDIR={self.directory}",
            f"OVS_DBDIR={self.directory}",
            f"OVS_LOGDIR={self.directory}",
            "ovs-vswitchd",
            self.remote,
            *([] if self.kernel_datapath else ["--disable-system"]),
            f"--pidfile={self.directory}/ovs-vswitchd.pid",
            f"--unixctl={self.directory}/ovs-vswitchd.ctl",
            f"--log-file={self.directory}/ovs-vswitchd.log",
            "-vconsole:off",
            "--detach",
            "--no-chdir",
        )
        self.processes.adopt(f"{self.host.name}/ovs-vswitchd", self.directory / "ovs-vswitchd.pid")

    def _add_underlay(self) -> None:
        if self.kernel_datapath:
            address_vteps(self.host, "under0")
            return
        self.vsctl_line(
            "--may-exist add-br br-phy -- set bridge br-phy datapath_type=netdev "
            "-- --may-exist add-port br-phy under0 "
        )
        wait_until("br-phy", lambda: "br-phy" in in_netns(self.host.netns, "ip", "-br", "link"))
        address_vteps(self.host, "br-phy")
        in_netns(self.host.netns, "ethtool", "-K", "br-phy", "tx", "off")

    def _add_foreign_configuration(self) -> None:
        """A bridge with ports such as another tool would leave on a host."""
        self.vsctl_line(
            f"--may-exist add-br {FOREIGN_BRIDGE} "
            f"-- set bridge {FOREIGN_BRIDGE} datapath_type={self.datapath_type} "
            "external_ids:owner=somebody-else other_config:mac-aging-time=120 "
            f"-- --may-exist add-port {FOREIGN_BRIDGE} foreign0 tag=42 "
            "-- set interface foreign0 type=internal external_ids:vm-id=not-ours "
        )
