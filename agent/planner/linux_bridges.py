"""Linux bridges: the place of a segment's ports on a host where Open vSwitch has none for them.

A bridge is drafted apart from the device that joins it to the other hosts: whatever is in the way
of that one, the segment's ports on this host reach each other. For the same reason it comes up
before anything else is tried.
"""

from __future__ import annotations

import hashlib

from agent.model import SegmentAttachment, segment_id
from agent.observed import Link
from agent.planner.claims import LinkName, OvsName
from agent.planner.draft import Draft
from agent.planner.inventory import Inventory
from agent.planner.links import Wish, configure
from agent.planner.plan import CreateLinuxBridge, Stage


def derived_mac(owner: str, resource: str, host_uid: str, kind: str) -> str:
    """A locally administered address that a device keeps when it is made anew."""
    digest = hashlib.sha256(f"{owner}|{resource}|{host_uid}|{kind}".encode()).digest()
    return bytes((0x0A, *digest[:5])).hex(":")


def kept_bridge(resource: str, name: str, inventory: Inventory) -> Link | None:
    """The Linux bridge that already is this segment's."""
    for link in inventory.links.get(resource, ()):
        if (link.name, link.kind) == (name, "bridge"):
            return link
    return None


def draft_linux_bridge(
    attachment: SegmentAttachment, mtu: int, host_uid: str, inventory: Inventory
) -> Draft:
    """Its MTU comes last: until it was changed by hand, the kernel lets it follow the ports'."""
    resource, name = segment_id(attachment.segment_uid), attachment.linux_bridge
    mac = derived_mac(inventory.owner, resource, host_uid, "bridge")
    kept = kept_bridge(resource, name, inventory)
    last = configure(resource, None, name, kept, Wish(mtu))
    if kept is not None:
        first = configure(resource, None, name, kept, Wish(mac=mac, up=True, quiet=True))
        return Draft(resource, makes_bridge=name, mend=Stage(pre=first, post=last))
    create = CreateLinuxBridge(resource, name, inventory.alias(resource), mac, mtu)
    up = configure(resource, None, name, None, Wish(up=True))
    return Draft(
        resource,
        makes_bridge=name,
        claims=(OvsName(name), LinkName(name)),
        make=Stage(pre=(create, *up), post=last),
    )
