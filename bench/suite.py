"""What is measured: many ports at once, one more port, and a fleet from nothing."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from bench import mesh, workload
from bench.fabric import Fleet, bare_switch, fleet
from bench.peers import jsonrpc, vsctl
from bench.report import Figure
from bench.workload import Kind
from deploy.lab.ovs import LabSwitch

_ROOT = Path(__file__).parents[1]
_PEER_BRIDGE = "br-peer"
_REPEATS = 5
"""Of one more port; the median counts."""


def many_ports(kind: Kind, count: int, say: Callable[[str], None]) -> Iterator[Figure]:
    """``count`` ports in one request, then one more, each beside what it takes without us."""
    name = f"{count} {kind} ports at once"
    say(f"{name}: raw JSON-RPC")
    floor, floor_more = _floor(kind, count)
    peers = {}
    if count:
        say(f"{name}: ovs-vsctl, python-ovs")
        peers = {"ovs-vsctl": _vsctl(kind, count), "python-ovs IDL": _idl(kind, count)}
    say(f"{name}: ovsfleet")
    with fleet(1) as running:
        switch = running.lab.switches[workload.HOST]
        running.apply([workload.bridge(switch.datapath_type)])
        if count:
            applied = running.apply(workload.objects(kind, count))
            detail = {"answered_s": applied.answered}
            yield Figure("many ports", name, applied.ready, floor, peers, detail)
        more = [_one_more(running, kind, count + n) for n in range(_REPEATS)]
    name = f"one more {kind} port beside {count}"
    yield Figure("one more", name, statistics.median(more), statistics.median(floor_more))


def _one_more(running: Fleet, kind: Kind, number: int) -> float:
    return running.apply(workload.objects(kind, 1, number)).ready


def _floor(kind: Kind, count: int) -> tuple[float, list[float]]:
    with bare_switch() as (switch, database):
        database.apply(jsonrpc.add_bridge(_PEER_BRIDGE, switch.datapath_type))
        took = _time(lambda: _add(database, switch, kind, 0, count)) if count else 0.0
        more = [_time(partial(_add, database, switch, kind, count + n, 1)) for n in range(_REPEATS)]
        _require_none_broken(database)
    return took, more


def _add(database: jsonrpc.Ovsdb, switch: LabSwitch, kind: Kind, first: int, count: int) -> None:
    rows = workload.rows(kind, count, switch.host.vtep, first)
    database.apply(jsonrpc.add_ports(_PEER_BRIDGE, rows))


def _vsctl(kind: Kind, count: int) -> float:
    with bare_switch() as (switch, database):
        database.apply(jsonrpc.add_bridge(_PEER_BRIDGE, switch.datapath_type))
        rows = workload.rows(kind, count, switch.host.vtep)
        took = _time(lambda: vsctl.add_ports(switch.remote, _PEER_BRIDGE, rows))
        _require_none_broken(database)
    return took


def _idl(kind: Kind, count: int) -> float:
    with bare_switch() as (switch, database):
        database.apply(jsonrpc.add_bridge(_PEER_BRIDGE, switch.datapath_type))
        rows = [asdict(row) for row in workload.rows(kind, count, switch.host.vtep)]
        done = subprocess.run(
            [sys.executable, "-m", "bench.peers.idl", switch.remote, _PEER_BRIDGE],
            input=json.dumps(rows),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=_ROOT,
        )
        _require_none_broken(database)
    return float(done.stdout)


def _require_none_broken(database: jsonrpc.Ovsdb) -> None:
    if broken := database.broken(_PEER_BRIDGE):
        raise RuntimeError(f"{broken} interfaces have no port number; the figure means nothing")


def _time(work: Callable[[], Any]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def whole_fleet(hosts: int, ports: int, say: Callable[[str], None]) -> Iterator[Figure]:
    """A fleet from nothing, then one more port on one of its hosts."""
    say(f"{hosts} hosts with {ports} ports each: raw JSON-RPC")
    plan = mesh.Mesh(hosts, ports)
    floor, floor_more = _mesh_floor(plan)
    say(f"{hosts} hosts with {ports} ports each: ovsfleet")
    with fleet(hosts) as running:
        applied = running.apply(plan.objects())
        detail = {"answered_s": applied.answered, "tunnels": float(plan.tunnel_count)}
        name = f"{hosts} hosts x {ports} ports from nothing"
        yield Figure("fleet", name, applied.ready, floor, {}, detail)
        more = [running.apply([plan.one_more(n)]).ready for n in range(_REPEATS)]
    name = f"one more port in a fleet of {hosts} x {ports}"
    yield Figure("fleet", name, statistics.median(more), statistics.median(floor_more))


def _mesh_floor(plan: mesh.Mesh) -> tuple[float, list[float]]:
    """The same rows on every host at the same time, a thread per host."""
    with mesh.bare_hosts(plan.hosts) as switches:
        databases = [jsonrpc.Ovsdb(f"{switch.directory}/db.sock") for switch in switches]
        kind = switches[0].datapath_type
        work = [
            threading.Thread(
                target=database.apply,
                args=(_whole_bridge(kind, plan.rows(index)),),
            )
            for index, database in enumerate(databases)
        ]
        took = _time(lambda: _run_all(work))
        for database in databases:
            _require_none_broken(database)
        more = [
            _time(partial(databases[0].apply, jsonrpc.add_ports(_PEER_BRIDGE, [row])))
            for row in plan.more_rows(_REPEATS)
        ]
    return took, more


def _whole_bridge(datapath_type: str, rows: list[workload.Row]) -> list[dict[str, Any]]:
    bridge = jsonrpc.add_bridge(_PEER_BRIDGE, datapath_type)
    return [*bridge, *jsonrpc.add_ports(_PEER_BRIDGE, rows)]


def _run_all(work: list[threading.Thread]) -> None:
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
