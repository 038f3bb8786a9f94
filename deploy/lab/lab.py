"""The lab as a whole: controller, hosts and agents, started and ended as a person would.

Everything that runs is on record in ``processes.json``, so that `down`, and the next `up`, can
clear away whatever an earlier run left, also after a crash or Ctrl-C.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.lab import network
from deploy.lab.ovs import LabSwitch
from deploy.lab.processes import Process, ProcessTable
from deploy.lab.shell import LabError, run, wait_until
from deploy.lab.topology import (
    CONTROLLER_ADDRESS,
    ENROLMENT_PORT,
    REST_PORT,
    SOUTHBOUND_PORT,
    HostPlan,
    LabPlan,
    lab_dir,
    plan,
)

_BIN = Path(sys.executable).parent
CONTROLLER = "controller"


class Lab:
    """Three hosts with Open vSwitch and one without, unless a plan says otherwise.

    Owns every process and namespace that it starts."""

    def __init__(self, wanted: LabPlan | None = None) -> None:
        self.plan = wanted or plan()
        self.directory = lab_dir()
        self.processes = ProcessTable(self.directory / "processes.json")
        self.kernel_datapath = network.has_kernel_datapath()
        self.url = f"http://127.0.0.1:{REST_PORT}"
        self.switches = {
            host.name: LabSwitch(host, self.processes, self.kernel_datapath)
            for host in self.plan.hosts
            if host.has_ovs
        }

    # --- the machine room ---

    def clear(self) -> None:
        """Ends whatever is left of an earlier lab: processes, namespaces, files."""
        self.processes.stop_all()
        network.delete(self._workload_names())
        shutil.rmtree(self.directory, ignore_errors=True)

    def start_hosts(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o755)
        network.create(self.plan)
        for switch in self.switches.values():
            switch.start()
        for host in self.plan.plain:
            network.address_vteps(host, "under0")
            network.add_foreign_devices(host)

    def add_workloads(self, names: list[str]) -> None:
        """Makes the namespaces that stand for workloads, on record for `clear`."""
        self._workloads_file.write_text(json.dumps(sorted({*self._workload_names(), *names})))
        for name in names:
            network.add_workload_netns(name)

    @property
    def _workloads_file(self) -> Path:
        return self.directory / "workloads.json"

    def _workload_names(self) -> list[str]:
        if not self._workloads_file.exists():
            return []
        names: list[str] = json.loads(self._workloads_file.read_text())
        return names

    # --- the controller ---

    @property
    def controller_environment(self) -> dict[str, str]:
        return {
            "OVSFLEET_DATA_DIR": str(self.directory / CONTROLLER),
            "OVSFLEET_REST_HOST": "127.0.0.1",
            "OVSFLEET_REST_PORT": str(REST_PORT),
            "OVSFLEET_SOUTHBOUND_ADDRESS": f"{CONTROLLER_ADDRESS}:{SOUTHBOUND_PORT}",
            "OVSFLEET_ENROLMENT_ADDRESS": f"{CONTROLLER_ADDRESS}:{ENROLMENT_PORT}",
            "OVSFLEET_ADVERTISE_ADDRESS": CONTROLLER_ADDRESS,
        }

    def start_controller(
        self, env: Mapping[str, str] | None = None, inside: Sequence[str | Path] = ()
    ) -> None:
        """Runs `ovsfleet-controller run` and waits until it is ready.

        ``inside`` are the words of a command that runs the command behind it."""
        log = self.directory / "controller.log"
        argv = [*inside, _BIN / "ovsfleet-controller", "run"]
        settings = {**self.controller_environment, **(env or {})}
        process = self.processes.start(CONTROLLER, argv, log, settings)
        self._wait_ready(process, log)

    def _wait_ready(self, process: Process, log: Path) -> None:
        def ready() -> bool:
            if not process.is_alive():
                raise LabError(f"the controller ended; see {log}")
            return self.is_ready()

        wait_until("the controller to be ready", ready, 60)

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    @property
    def admin_token(self) -> str:
        return (self.directory / CONTROLLER / "admin-token").read_text().strip()

    def ovsfleet(
        self, *words: str, check: bool = True, timeout: float = 90, show_progress: bool = False
    ) -> str:
        """Runs the `ovsfleet` command line against the lab's controller."""
        settings = {"OVSFLEET_URL": self.url, "OVSFLEET_TOKEN": self.admin_token}
        argv: list[str | Path] = [_BIN / "ovsfleet", *words]
        return run(*argv, check=check, timeout=timeout, env=settings, show_progress=show_progress)

    # --- the agents ---

    def host(self, name: str) -> HostPlan:
        return next(host for host in self.plan.hosts if host.name == name)

    def host_manifests(self) -> str:
        """The lab's hosts as YAML manifests."""
        return "\n---\n".join(
            f"kind: Host\nmetadata: {{name: {host.name}, labels: {{switch: {_switch(host)}}}}}\n"
            f"spec: {{vteps: [{host.vtep}, '{host.vtep_ipv6}'], {self._overlay(host)}}}"
            for host in self.plan.hosts
        )

    def _overlay(self, host: HostPlan) -> str:
        if not host.has_ovs:
            return "overlay_bridge_type: linux"
        return f"datapath_type: {self.switches[host.name].datapath_type}"

    def register_hosts(self) -> None:
        manifests = self.directory / "hosts.yaml"
        manifests.write_text(self.host_manifests())
        self.ovsfleet("apply", "-f", str(manifests))

    def enrol(self, name: str) -> None:
        """Gives the host's agent its identity, with a join token that is good for it alone."""
        token = self.ovsfleet("enroll", name, "-o", "token")
        run(*self._agent_argv(name, "enroll", "--token", "-"), stdin=token)

    def start_agent(
        self,
        name: str,
        env: Mapping[str, str] | None = None,
        inside: Sequence[str | Path] = (),
    ) -> Process:
        """Runs `ovsfleet-agent run` inside the host's namespace.

        ``inside`` are the words of a command that runs the command behind it."""
        log = self.host(name).directory / "agent.log"
        ovsdb = self.switches[name].remote if name in self.switches else "none"
        argv = [*inside, *self._agent_argv(name, "run", "--ovsdb", ovsdb)]
        return self.processes.start(f"{name}/agent", argv, log, env)

    def agent(self, name: str, *words: str, check: bool = True) -> str:
        """Runs another `ovsfleet-agent` command on the host."""
        return run(*self._agent_argv(name, *words), check=check)

    def agent_process(self, name: str) -> Process:
        return self.processes.get(f"{name}/agent")

    def _agent_argv(self, name: str, command: str, *words: str | Path) -> list[str | Path]:
        host = self.host(name)
        state = host.directory / "agent"
        enter = ["nsenter", f"--net=/run/netns/{host.netns}"]
        return [*enter, _BIN / "ovsfleet-agent", command, "--state-dir", state, *words]

    # --- all of it ---

    def up(self) -> None:
        """Hosts, controller and enrolled agents, with no intent beyond the hosts themselves."""
        self.start_hosts()
        self.start_controller()
        self.register_hosts()
        for host in self.plan.hosts:
            self.enrol(host.name)
            self.start_agent(host.name)


def _switch(host: HostPlan) -> str:
    return "ovs" if host.has_ovs else "linux"


def require_root() -> None:
    if os.geteuid() != 0:
        raise LabError("the lab makes network namespaces: run it as root (make uses sudo)")
