"""``ovsfleet topology``: what the fleet's tunnels are between, as a table."""

from __future__ import annotations

from collections.abc import Mapping

from controller.client.documents import Document, plain
from controller.client.output import say
from controller.client.rest import Api
from controller.client.statistics import rate
from controller.client.tables import print_rows

_PHASES = ("failed", "unknown", "pending", "degraded", "ready")


def read(api: Api, asked: Mapping[str, str | None]) -> Document:
    return api.get("/v1/topology", **asked)


def print_topology(found: Document) -> None:
    nodes = {node["id"]: node for node in found["nodes"]}
    hosts = sum(node["hosts"] for node in nodes.values())
    say(f"{hosts} hosts by {plain(found['group_by'])} at revision {found['revision']}")
    if not found["edges"] and not found["hubs"]:
        say("There are no tunnels between them.")
        return
    rows = [
        _row(nodes[edge["a"]], nodes[edge["b"]]["title"], edge["segments"], edge["tunnels"], edge)
        for edge in found["edges"]
    ]
    rows += [
        _row(nodes[spoke["node"]], _mesh(hub), len(hub["segments"]), spoke["ends"], spoke)
        for hub in found["hubs"]
        for spoke in hub["spokes"]
    ]
    headers = ["FROM", "TO", "SEGMENTS", "TUNNELS", "PHASES", "SENT", "RECEIVED", "MESSAGE"]
    print_rows(headers, rows)
    if found["edges_left_out"]:
        say(f"{found['edges_left_out']} more lines between two are left out, none of them worse.")
    if found["truncated"]:
        say("There is more: narrow it with --selector or --segment, or group it with --group-by.")


def _row(node: Document, far: str, segments: int, tunnels: int, of: Document) -> list[str]:
    return [
        plain(node["title"]),
        plain(far),
        plain(segments),
        plain(tunnels),
        _phases(of["phases"]),
        _load(of["tx_bps"]),
        _load(of["rx_bps"]),
        plain(of["worst"]["message"] if of["worst"] else "-"),
    ]


def _mesh(hub: Document) -> str:
    first, *others = hub["segments"]
    return f"mesh of {first['name']}" + (f" and {len(others)} more" if others else "")


def _phases(counts: Mapping[str, int]) -> str:
    """The worst first: ``2 Failed, 40 Ready``."""
    return ", ".join(f"{counts[name]} {name.title()}" for name in _PHASES if counts[name])


def _load(bits: float | None) -> str:
    return "-" if bits is None else rate("bytes", bits / 8)
