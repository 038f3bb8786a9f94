"""Resource ids: the words in which controller and agents name what is on a host.

The list and its meaning are in ``ovsfleet/v1/state.proto``.
"""

from __future__ import annotations

from uuid import UUID

OVERLAY_ID = "overlay"


def bridge_id(uid: UUID) -> str:
    return f"bridge:{uid}"


def port_id(uid: UUID) -> str:
    return f"port:{uid}"


def segment_id(uid: UUID) -> str:
    return f"segment:{uid}"


def tunnel_id(segment: UUID, remote_host: UUID) -> str:
    return f"tunnel:{segment}/{remote_host}"


def explicit_tunnel_id(uid: UUID) -> str:
    """Name an explicit tunnel, alike at both ends."""
    return f"tunnel:{uid}"


def linux_bridge(vni: int) -> str:
    """Name the Linux bridge that carries one segment; a VNI has at most eight digits."""
    return f"br-v{vni}"


def object_of(resource: str) -> UUID | None:
    """The object that a resource belongs to, ``tunnel:<segment uid>/<host uid>`` to the segment;
    None for ids that name no object."""
    try:
        return UUID(resource.partition(":")[2].partition("/")[0])
    except ValueError:
        return None
