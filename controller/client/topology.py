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
    if not found["edges"]:
        say("There are no tunnels between them.")
        return
    rows = [
        [
            plain(nodes[edge["a"]]["title"]),
            plain(nodes[edge["b"]]["title"]),
            plain(edge["segments"]),
            plain(edge["tunnels"]),
            _phases(edge["phases"]),
            _load(edge["tx_bps"]),
            _load(edge["rx_bps"]),
            plain(edge["worst"]["message"] if edge["worst"] else "-"),
        ]
        for edge in found["edges"]
    ]
    headers = ["FROM", "TO", "SEGMENTS", "TUNNELS", "PHASES", "SENT", "RECEIVED", "MESSAGE"]
    print_rows(headers, rows)
    if found["truncated"]:
        say("There is more: narrow it with --selector or --segment, or group it with --group-by.")


def _phases(counts: Mapping[str, int]) -> str:
    """The worst first: ``2 Failed, 40 Ready``."""
    return ", ".join(f"{counts[name]} {name.title()}" for name in _PHASES if counts[name])


def _load(bits: float | None) -> str:
    return "-" if bits is None else rate("bytes", bits / 8)
