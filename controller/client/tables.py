"""Objects as tables. A terminal gets colour and its own width, a pipe gets whole lines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from controller.client.documents import Document, age, headline_condition, plain, utc_now
from controller.client.kinds import (
    BRIDGE,
    FLOW_EXPORT,
    HOST,
    HOST_GROUP,
    MIRROR,
    POOL,
    PORT,
    QOS_POLICY,
    SEGMENT,
    TRANSPORT_ZONE,
    TUNNEL,
    TUNNEL_PROFILE,
    KindInfo,
)

if TYPE_CHECKING:
    from rich.console import Console

Cell: TypeAlias = Callable[[Document], object]

PHASE_STYLES = {
    "Ready": "green",
    "Pending": "cyan",
    "Degraded": "yellow",
    "Failed": "bold red",
    "Unknown": "magenta",
}
_GAP = 3
"""Blanks between columns."""
_LEAST_PROSE = 30
_UNLIMITED = 100_000
_PROSE = frozenset({"MESSAGE", "DESCRIPTION", "TYPE"})


def console(*, stderr: bool = False) -> Console:
    """Piped output is never folded or cut; NO_COLOR is honoured."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _UNLIMITED
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def print_table(kind: KindInfo, documents: Iterable[Document], *, wide: bool) -> None:
    now = utc_now()
    columns = {**_COLUMNS[kind], **_status_columns(now), **(_wide_columns(kind) if wide else {})}
    rows = [[plain(cell(document)) for cell in columns.values()] for document in documents]
    print_rows(list(columns), rows)


def print_rows(headers: list[str], rows: Iterable[list[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    lines = list(rows)
    for header in headers:
        table.add_column(header, no_wrap=header not in _PROSE, overflow="fold")
    for row in lines:
        table.add_row(*(Text(cell, style=PHASE_STYLES.get(cell, "")) for cell in row))
    out = console()
    # What does not fit goes on in the terminal's next line: half a name is none.
    if _least_width(headers, lines) > out.width:
        out.width = _UNLIMITED
    with out.capture() as printed:
        out.print(table)
    # Cells are padded to their columns, the last ones as well: nobody wants to copy that.
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in printed.get().splitlines())


def _least_width(headers: list[str], rows: list[list[str]]) -> int:
    """Return how wide a table is in which only prose is folded."""
    from rich.cells import cell_len

    columns = zip(headers, zip(*rows, strict=True), strict=True) if rows else ()
    widths = (
        min(max(map(cell_len, (header, *cells))), _LEAST_PROSE if header in _PROSE else _UNLIMITED)
        for header, cells in columns
    )
    return sum(width + _GAP for width in widths) - _GAP


def _spec(field: str) -> Cell:
    return lambda document: document["spec"].get(field)


def _metadata(field: str) -> Cell:
    return lambda document: document["metadata"].get(field)


def _status(field: str) -> Cell:
    return lambda document: document["status"].get(field)


def _reason(document: Document) -> str | None:
    condition = headline_condition(document)
    return str(condition["reason"]) if condition else None


def _message(document: Document) -> str | None:
    condition = headline_condition(document)
    return str(condition.get("message") or "-") if condition else None


def _attached_to(document: Document) -> str:
    spec = document["spec"]
    if segment := spec.get("segment"):
        return f"segment/{segment}"
    return f"bridge/{spec.get('bridge')}{_vlans(spec)}{_far_end(spec)}"


def _port_host(document: Document) -> str | None:
    """``alpha → beta`` while a port moves."""
    spec = document["spec"]
    hosts = [str(name) for name in (spec.get("host"), spec.get("migrating_to")) if name]
    return " → ".join(hosts) or None


def _vlans(spec: Document) -> str:
    tag = f" tag {spec['tag']}" if spec.get("tag") else ""
    trunks = ",".join(map(str, spec.get("trunks") or ()))
    return f"{tag} trunks {trunks}" if trunks else tag


def _far_end(spec: Document) -> str:
    """Name the bridge that a patch leads to."""
    patch = spec.get("patch")
    return f" to bridge/{patch['bridge']}" if patch else ""


def _spanning_tree(document: Document) -> str | None:
    """Name the protocol that a bridge runs."""
    running = (name for name in ("stp", "rstp") if _at(document, name, "enabled"))
    return next(running, None)


def _at(document: Document, group: str, field: str) -> object:
    return (document["spec"].get(group) or {}).get(field)


def _ends(document: Document) -> str:
    """``h1/br-a tag 7 to 203.0.113.9``."""
    return " to ".join(_end(end) for end in document["spec"]["ends"])


def _end(end: Document) -> str:
    if not end.get("host"):
        return str(end.get("ip"))
    tag = f" tag {end['tag']}" if end.get("tag") else ""
    return f"{end['host']}/{end.get('bridge')}{tag}"


def _mirror_output(document: Document) -> str:
    spec = document["spec"]
    if port := spec.get("output_port"):
        return f"port/{port}"
    if vlan := spec.get("output_vlan"):
        return f"vlan {vlan}"
    tunnel = spec.get("tunnel") or {}
    return f"{tunnel.get('type')} to {tunnel.get('remote_ip')}"


def _host_or_group(document: Document) -> object:
    spec = document["spec"]
    return spec.get("host") or f"group:{spec.get('host_group')}"


def _labels(document: Document) -> list[str]:
    return [f"{key}={value}" for key, value in document["metadata"].get("labels", {}).items()]


def _mtu(document: Document) -> object:
    mtu = document["spec"].get("mtu")
    return "auto" if mtu is None else mtu


_COLUMNS: Mapping[KindInfo, Mapping[str, Cell]] = {
    HOST: {
        "NAME": _metadata("name"),
        "VTEPS": _spec("vteps"),
        "STATE": _spec("state"),
        "APPLIED": _status("applied_revision"),
    },
    BRIDGE: {"NAME": _metadata("name"), "HOST": _host_or_group, "INTERFACE": _spec("interface")},
    SEGMENT: {
        "NAME": _metadata("name"),
        "VNI": _spec("vni"),
        "BACKEND": _spec("backend"),
        "MTU": _mtu,
    },
    PORT: {
        "NAME": _metadata("name"),
        "HOST": _port_host,
        "INTERFACE": _spec("interface"),
        "ATTACHED TO": _attached_to,
        "ADDRESSES": _spec("addresses"),
    },
    TUNNEL: {
        "NAME": _metadata("name"),
        "ENDS": _ends,
        "KEY": _spec("key"),
        "UDP PORT": _spec("dst_port"),
    },
    POOL: {"NAME": _metadata("name"), "TYPE": _spec("type"), "RANGES": _spec("ranges")},
    TRANSPORT_ZONE: {
        "NAME": _metadata("name"),
        "VNI POOL": _spec("vni_pool"),
        "VTEP POOL": _spec("vtep_pool"),
    },
    HOST_GROUP: {"NAME": _metadata("name"), "SELECTOR": _spec("selector")},
    TUNNEL_PROFILE: {
        "NAME": _metadata("name"),
        "UDP PORT": _spec("dst_port"),
        "TTL": _spec("ttl"),
        "TOS": _spec("tos"),
        "CSUM": _spec("csum"),
        "DF": _spec("df_default"),
        "BFD": lambda document: _at(document, "bfd", "enabled"),
    },
    QOS_POLICY: {
        "NAME": _metadata("name"),
        "TYPE": _spec("type"),
        "MAX RATE": _spec("max_rate_bps"),
        "QUEUES": lambda document: [queue["id"] for queue in document["spec"]["queues"]],
    },
    MIRROR: {"NAME": _metadata("name"), "HOST": _spec("host"), "OUTPUT": _mirror_output},
    FLOW_EXPORT: {
        "NAME": _metadata("name"),
        "PROTOCOL": _spec("protocol"),
        "TARGETS": _spec("targets"),
        "HOST GROUP": _spec("host_group"),
    },
}
_WIDE: Mapping[KindInfo, Mapping[str, Cell]] = {
    HOST: {
        "UNDERLAY MTU": _spec("underlay_mtu"),
        "DATAPATH": _spec("datapath_type"),
        "OVERLAY BRIDGE": _spec("overlay_bridge"),
        "BRIDGE TYPE": _spec("overlay_bridge_type"),
        "ZONES": _spec("zones"),
        "CONFIRM": _spec("confirm"),
    },
    BRIDGE: {
        "TYPE": _spec("type"),
        "DATAPATH": _spec("datapath_type"),
        "SPANNING TREE": _spanning_tree,
        "DRIFT": _spec("drift_policy"),
    },
    SEGMENT: {
        "UDP PORT": _spec("dst_port"),
        "FAMILY": _spec("address_family"),
        "TOPOLOGY": _spec("topology"),
        "PROFILE": _spec("tunnel_profile"),
        "ZONE": _spec("zone"),
        "DRIFT": _spec("drift_policy"),
    },
    PORT: {
        "TYPE": _spec("type"),
        "ADMIN": _spec("admin_state"),
        "MEMBERS": lambda document: _at(document, "bond", "members"),
        "MAC": _spec("mac"),
        "MTU": _mtu,
        "QOS": _spec("qos_policy"),
        "DRIFT": _spec("drift_policy"),
    },
    TUNNEL: {
        "FAMILY": _spec("address_family"),
        "TTL": _spec("ttl"),
        "TOS": _spec("tos"),
        "CSUM": _spec("csum"),
        "DF": _spec("df_default"),
        "DRIFT": _spec("drift_policy"),
    },
    MIRROR: {"DRIFT": _spec("drift_policy")},
    FLOW_EXPORT: {"DRIFT": _spec("drift_policy")},
}


def _realized(document: Document) -> str:
    """``in_progress 1/2``; of many objects nobody asks the controller one by one."""
    if (found := document.get("realization")) is None:
        return "yes" if document["status"]["phase"] == "Ready" else "no"
    return f"{found['state']} {found['hosts']['ok']}/{found['hosts']['total']}"


def _status_columns(now: datetime) -> dict[str, Cell]:
    return {
        "PHASE": _status("phase"),
        "REASON": _reason,
        "REVISION": _metadata("revision"),
        "AGE": lambda document: age(document["metadata"]["created_at"], now),
    }


def _wide_columns(kind: KindInfo) -> dict[str, Cell]:
    return {
        **_WIDE.get(kind, {}),
        "OBSERVED": _status("observed_revision"),
        "REALIZED": _realized,
        "PROJECT": _metadata("project"),
        "LABELS": _labels,
        "UID": _metadata("uid"),
        "MESSAGE": _message,
    }
