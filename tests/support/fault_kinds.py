"""What is broken, and mended again: each fault returns when it is mended.

How long something stays away, and which of several things is hit, comes from the round's own
``random.Random``. Processes die by SIGKILL, as in a power cut, and hang by SIGSTOP.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias, get_args

from agent.failpoints import VARIABLE, Step
from deploy.lab.lab import CONTROLLER
from deploy.lab.shell import run, wait_until
from tests.support.controller_process import children
from tests.support.fault_site import FaultSite

Inflict: TypeAlias = Callable[[FaultSite, str, random.Random], None]

_LONGEST_S = 0.8
"""That something stays away or hangs."""
_OF_TRIALS = ("before-trial", "after-trial", "before-confirm")
"""Steps that only a change takes that is on trial."""
_OF_UNDOING = ("before-revert", "after-revert")
"""Steps of a change that nobody confirmed, which are not of this suite."""
STEPS: Final = tuple(s for s in get_args(Step) if s not in (*_OF_TRIALS, *_OF_UNDOING))


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    inflict: Inflict
    hosts: tuple[str, ...] = ("h1", "h2", "h3", "h4")
    spares_traffic: bool = True
    """Whether not one datagram may be lost. In userspace ovs-vswitchd forwards nothing while its
    database is away; what that costs is measured beside plain Open vSwitch."""


def _stay_away(rng: random.Random) -> None:
    time.sleep(rng.uniform(0.0, _LONGEST_S))


# --- agents --------------------------------------------------------------------------------------


def kill_agent(site: FaultSite, host: str, rng: random.Random) -> None:
    site.lab.agent_process(host).kill()
    _stay_away(rng)
    site.lab.start_agent(host)


def _kill_agent_at(step: str) -> Inflict:
    def inflict(site: FaultSite, host: str, rng: random.Random) -> None:
        site.lab.agent_process(host).kill()
        doomed = site.lab.start_agent(host, {VARIABLE: step})
        try:
            wait_until(f"the agent to die {step}", lambda: not doomed.is_alive(), 20, 0.01)
        finally:
            doomed.kill()
            site.lab.start_agent(host)

    return inflict


# --- Open vSwitch --------------------------------------------------------------------------------


def kill_ovsdb_server(site: FaultSite, host: str, rng: random.Random) -> None:
    site.lab.processes.get(f"{host}/ovsdb-server").kill()
    _stay_away(rng)
    site.lab.switches[host].start_ovsdb_server()


def kill_vswitchd(site: FaultSite, host: str, rng: random.Random) -> None:
    """Started again at once, as its unit does."""
    site.lab.processes.get(f"{host}/ovs-vswitchd").kill()
    site.lab.switches[host].start_vswitchd()


def _hang(daemon: str) -> Inflict:
    def inflict(site: FaultSite, host: str, rng: random.Random) -> None:
        process = site.lab.processes.get(f"{host}/{daemon}")
        process.signal(signal.SIGSTOP)
        try:
            _stay_away(rng)
        finally:
            process.signal(signal.SIGCONT)

    return inflict


def compact_database(site: FaultSite, host: str, rng: random.Random) -> None:
    control = site.lab.switches[host].directory / "ovsdb-server.ctl"
    run("ovs-appctl", "--target", control, "ovsdb-server/compact")


# --- the controller ------------------------------------------------------------------------------


def kill_controller(site: FaultSite, host: str, rng: random.Random) -> None:
    """All of it: its processes die with the one that keeps them."""
    site.lab.processes.get(CONTROLLER).kill()
    _stay_away(rng)
    site.lab.start_controller()


def kill_server(site: FaultSite, host: str, rng: random.Random) -> None:
    """REST and the agents' side; the controller starts it again by itself."""
    _kill_role(site, "server")


def kill_postgres(site: FaultSite, host: str, rng: random.Random) -> None:
    """The postmaster: its sessions end when they notice."""
    _kill_role(site, "postgres")


def kill_postgres_session(site: FaultSite, host: str, rng: random.Random) -> None:
    """One of its processes, whereupon PostgreSQL ends all others and recovers."""
    postmaster = site.role("postgres")
    assert postmaster is not None, "PostgreSQL does not run"
    with suppress(ProcessLookupError):
        os.kill(rng.choice(sorted(children(postmaster))), signal.SIGKILL)
    _wait_ready(site)


def _kill_role(site: FaultSite, role: str) -> None:
    pid = site.role(role)
    assert pid is not None, f"{role} does not run"
    os.kill(pid, signal.SIGKILL)
    wait_until(f"another {role}", lambda: site.role(role) not in (None, pid), 20, 0.02)
    _wait_ready(site)


def _wait_ready(site: FaultSite) -> None:
    wait_until("the controller to be ready", site.lab.is_ready, 60, 0.02)


_WITH_OVS = ("h1", "h2", "h3")
_ALL = (*_WITH_OVS, "h4")


def _that_take(step: str) -> tuple[str, ...]:
    """A host without Open vSwitch has no transactions."""
    return _WITH_OVS if step.endswith("-ovsdb") else _ALL


PARTS: Final[Mapping[str, tuple[Fault, ...]]] = {
    "agent": (Fault("agent killed", kill_agent),),
    "agent at a step": tuple(
        Fault(f"agent killed {step}", _kill_agent_at(step), _that_take(step)) for step in STEPS
    ),
    "ovsdb-server": (
        Fault("ovsdb-server killed", kill_ovsdb_server, _WITH_OVS, False),
        Fault("ovsdb-server hangs", _hang("ovsdb-server"), _WITH_OVS),
        Fault("database compacted", compact_database, _WITH_OVS),
    ),
    "ovs-vswitchd": (
        Fault("ovs-vswitchd killed", kill_vswitchd, _WITH_OVS, False),
        Fault("ovs-vswitchd hangs", _hang("ovs-vswitchd"), _WITH_OVS, False),
    ),
    "controller": (
        Fault("controller killed", kill_controller),
        Fault("server killed", kill_server),
    ),
    "PostgreSQL": (
        Fault("PostgreSQL killed", kill_postgres),
        Fault("PostgreSQL session killed", kill_postgres_session),
    ),
}
ON_TRIAL: Final = (
    *(Fault(f"agent killed {step}", _kill_agent_at(step)) for step in _OF_TRIALS),
    Fault("agent killed", kill_agent),
    Fault("server killed", kill_server),
    Fault("ovsdb-server killed", kill_ovsdb_server, _WITH_OVS, False),
)
"""Where every change has to be confirmed."""
