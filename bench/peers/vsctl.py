"""Peer: the same rows by one ovs-vsctl(8) command, as scripts and configuration tools do it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence

from bench.workload import Row


def add_ports(remote: str, bridge: str, rows: Sequence[Row]) -> None:
    """One transaction; ovs-vsctl itself waits until ovs-vswitchd has acted on it."""
    words = [word for row in rows for word in _words(bridge, row)]
    subprocess.run(
        ["ovs-vsctl", f"--db={remote}", "--timeout=300", *words],
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )


def _words(bridge: str, row: Row) -> Iterator[str]:
    marks = (f"external_ids:bench={bridge}", f"external_ids:bench-id={row.name}")
    yield from ("--", "add-port", bridge, row.name)
    yield from ("--", "set", "Port", row.name, *marks)
    options = (f"options:{key}={value}" for key, value in sorted(row.options.items()))
    mtu = [f"mtu_request={row.mtu}"] if row.mtu else []
    yield from ("--", "set", "Interface", row.name, f"type={row.type}", *options, *mtu, *marks)
