"""The kinds of intent as people name them, and the columns that they are shown with. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from controller.client.failures import CommandError


@dataclass(frozen=True, slots=True)
class KindInfo:
    name: str
    """As in documents: ``Host``."""
    collection: str
    """As in paths: ``hosts``."""
    short: str
    is_on_hosts: bool = False
    """Whether its list can be narrowed to a host."""

    @property
    def word(self) -> str:
        """As in ``host/alpha`` and ``host-group/edge``."""
        return word_of(self.name)


def word_of(name: str) -> str:
    """The word of a kind by its name in documents, which a newer controller may know alone."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


HOST = KindInfo("Host", "hosts", "h")
BRIDGE = KindInfo("Bridge", "bridges", "br", is_on_hosts=True)
SEGMENT = KindInfo("Segment", "segments", "seg")
PORT = KindInfo("Port", "ports", "p", is_on_hosts=True)
TUNNEL = KindInfo("Tunnel", "tunnels", "tun", is_on_hosts=True)
POOL = KindInfo("Pool", "pools", "pool")
TRANSPORT_ZONE = KindInfo("TransportZone", "transport-zones", "tz")
HOST_GROUP = KindInfo("HostGroup", "host-groups", "hg")
TUNNEL_PROFILE = KindInfo("TunnelProfile", "tunnel-profiles", "tp")
QOS_POLICY = KindInfo("QosPolicy", "qos-policies", "qos")
MIRROR = KindInfo("Mirror", "mirrors", "mir", is_on_hosts=True)
FLOW_EXPORT = KindInfo("FlowExport", "flow-exports", "fe")

DEFAULT_PROJECT = "default"
"""Where everything but segments and ports lives, and what a name without a project means."""

KINDS = (
    POOL,
    TRANSPORT_ZONE,
    HOST_GROUP,
    TUNNEL_PROFILE,
    QOS_POLICY,
    HOST,
    BRIDGE,
    SEGMENT,
    PORT,
    TUNNEL,
    MIRROR,
    FLOW_EXPORT,
)
"""In the order in which references point backwards."""
BY_NAME: Mapping[str, KindInfo] = {kind.name: kind for kind in KINDS}
_SPELLINGS = {
    spelling: kind
    for kind in KINDS
    for spelling in (kind.word, kind.name.lower(), kind.collection, kind.short)
}


def parse_kind(text: str) -> KindInfo:
    """Accepts ``Host``, ``host``, ``hosts`` and ``h``."""
    if kind := _SPELLINGS.get(text.lower()):
        return kind
    known = ", ".join(f"{kind.collection} ({kind.short})" for kind in KINDS)
    meant = difflib.get_close_matches(text.lower(), _SPELLINGS, n=1)
    hint = f"Did you mean {meant[0]}? " if meant else ""
    raise CommandError(f"There is no kind {text!r}.", hint=f"{hint}Kinds are {known}.")
