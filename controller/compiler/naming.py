"""Resource ids: the words in which controller and agents name what is on a host.

The list and its meaning are in ``ovsfleet/v1/state.proto``.
"""

from __future__ import annotations

from base64 import b32encode
from hashlib import sha256
from uuid import UUID

OVERLAY_ID = "overlay"


def bridge_id(uid: UUID) -> str:
    return f"bridge:{uid}"


def port_id(uid: UUID) -> str:
    return f"port:{uid}"


def segment_id(uid: UUID) -> str:
    return f"segment:{uid}"


def tunnel_id(segment: UUID, remote: UUID | str) -> str:
    """Name a tunnel of a segment to another host, or to a VTEP outside of the fleet."""
    return f"tunnel:{segment}/{remote}"


def explicit_tunnel_id(uid: UUID) -> str:
    """Name an explicit tunnel, alike at both ends."""
    return f"tunnel:{uid}"


def mirror_id(uid: UUID) -> str:
    return f"mirror:{uid}"


def flow_export_id(uid: UUID) -> str:
    return f"flow-export:{uid}"


def mirror_tunnel(uid: UUID) -> str:
    """Name the port that carries a mirror's copies away; ``validation.fields`` keeps such names
    free."""
    return "mr" + b32encode(sha256(str(uid).encode()).digest()).decode().lower()[:11]


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


def remote_of(resource: str) -> UUID | None:
    """The host that a segment's tunnel goes to; None for an outside VTEP and all else."""
    try:
        return UUID(resource.partition("/")[2])
    except ValueError:
        return None
