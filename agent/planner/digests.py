"""What intent says of one resource, as a digest: whether it was this very thing that was realized.

Two states that say the same of a resource have the same digest of it, in every process and, as
what is at its default is left out, in later versions of the agent too. A tunnel of a segment is
told by its own two ends and what all tunnels of the segment share, a segment by its own end and the
same: another member is no news to them.
What a resource stands on (the bridge of a port, the ports of a mirror) is a part of it as far as
it has to be made anew with that. Pure; knows nothing of the host.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from agent.fragments import SegmentFragment, SegmentMember
from agent.model import Bridge, HostState, Port, SegmentAttachment, segment_id
from agent.monitoring import FlowExport, Mirror
from agent.planner.ownership import segment_of

_DIGEST_BYTES = 16


def digest(desired: HostState, resource: str) -> str | None:
    """None of what ``desired`` does not want to exist."""
    return Digests(desired).of(resource)


class Digests:
    """Those of one state, found without a look at all of it each time."""

    def __init__(self, desired: HostState) -> None:
        self.state = desired
        self._known: dict[str, str | None] = {}

    def of(self, resource: str) -> str | None:
        if resource not in self._known:
            part = self._part(resource)
            self._known[resource] = None if part is None else _hash(part)
        return self._known[resource]

    def _part(self, resource: str) -> object | None:
        thing: Any = self._things.get(resource)
        match thing:
            case None:
                return self._tunnel_part(resource)
            case Port():
                far = thing.patch.bridge if thing.patch is not None else ""
                return (thing, self._ground(thing.bridge), self._ground(far))
            case Mirror():
                names = thing.select_src_ports | thing.select_dst_ports | {thing.output_port}
                ports = [(name, self._of_port(name)) for name in sorted(names)]
                return (thing, self._ground(thing.bridge), ports)
            case FlowExport():
                return (thing, [self._ground(name) for name in thing.bridges])
            case Bridge() | SegmentAttachment():
                return thing if isinstance(thing, Bridge) else self._segment_part(thing)
        return (thing, self._ground(thing.bridge))

    def _segment_part(self, attachment: SegmentAttachment) -> object:
        """Its own end: who else is in it is told by the entries of its tables (``membership``)."""
        fragment = self.state.fragments.get(attachment.fragment_hash)
        mesh = self._mesh(segment_id(attachment.segment_uid))
        if fragment is None or mesh is None:
            return attachment
        bare = dataclasses.replace(attachment, fragment_hash=b"")
        return (bare, mesh.shared, mesh.own, fragment.mtu, fragment.arp_mode)

    def _tunnel_part(self, resource: str) -> object | None:
        segment = segment_of(resource)
        end = resource.partition("/")[2]
        mesh = self._mesh(segment) if segment else None
        if mesh is None or end not in mesh.ends:
            return None
        split = mesh.links.get(end) if mesh.links is not None else False
        other = mesh.ends[end]
        if split is None and other != end:
            return None
        return (mesh.shared, mesh.own, other, split, self._ground(self._overlay))

    @functools.cached_property
    def _overlay(self) -> str:
        return "" if self.state.overlay is None else self.state.overlay.name

    @functools.cached_property
    def _things(self) -> Mapping[str, Any]:
        state = self.state
        things: tuple[Any, ...] = (*state.bridges, *state.ports, *state.tunnels, *state.mirrors)
        found: dict[str, Any] = {each.id: each for each in (*things, *state.flow_exports)}
        found.update({f"segment:{each.segment_uid}": each for each in state.attachments})
        if state.overlay is not None:
            found[state.overlay.id] = state.overlay
        return found

    @functools.cached_property
    def _ports(self) -> Mapping[str, Port]:
        return {port.interface: port for port in self.state.ports if port.interface}

    def _of_port(self, name: str) -> str | None:
        return self.of(self._ports[name].id) if name in self._ports else None

    @functools.cached_property
    def _bridges(self) -> Mapping[str, tuple[object, ...]]:
        overlay = () if self.state.overlay is None else (self.state.overlay,)
        found: dict[str, tuple[object, ...]] = {
            each.linux_bridge: (each.segment_uid,) for each in self.state.attachments
        }
        for bridge in (*overlay, *self.state.bridges):
            found[bridge.name] = (bridge.id, bridge.name, bridge.datapath_type, bridge.type)
        return found

    def _ground(self, bridge: str) -> tuple[object, ...]:
        """What of a bridge cannot change without what is on it being made anew."""
        return self._bridges.get(bridge, ()) if bridge else ()

    @functools.cached_property
    def _meshes(self) -> dict[str, _Mesh | None]:
        return {}

    def _mesh(self, segment: str) -> _Mesh | None:
        if segment not in self._meshes:
            self._meshes[segment] = self._find_mesh(segment)
        return self._meshes[segment]

    def _find_mesh(self, segment: str) -> _Mesh | None:
        attachment = self._things.get(segment)
        if attachment is None:
            return None
        fragment = self.state.fragments.get(attachment.fragment_hash)
        return None if fragment is None else _mesh(attachment, fragment, self.state.host_uid)


@dataclass(frozen=True, slots=True)
class _Mesh:
    """What the tunnels of one segment have in common, and their other ends."""

    shared: tuple[object, ...]
    own: object
    ends: Mapping[str, object]
    """Members by the uid of their host; VTEPs outside of the fleet are themselves."""
    links: Mapping[str, bool] | None


def _mesh(attachment: SegmentAttachment, fragment: SegmentFragment, host: str) -> _Mesh:
    shared = (attachment.backend, attachment.local_vlan, fragment.vni, fragment.dst_port)
    ends: dict[str, object] = {member.host_uid: _end(member) for member in fragment.members}
    own = ends.pop(host, None)
    ends.update({address: address for address in fragment.external_vteps})
    return _Mesh((*shared, fragment.options), own, ends, fragment.links_of(host))


def _end(member: SegmentMember) -> tuple[object, ...]:
    return (member.host_uid, member.vtep, member.former_vtep, member.former_is_unused)


def _hash(part: object) -> str:
    return hashlib.blake2b(repr(_plain(part)).encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _plain(value: Any) -> object:
    """In one form for all processes: what has no order is sorted, what is at its default is out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        told = ((name, getattr(value, name), usual) for name, usual in _usual(type(value)))
        return [(name, _plain(said)) for name, said, usual in told if said != usual]
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return sorted((str(key), _plain(each)) for key, each in value.items())
    if isinstance(value, AbstractSet):
        return sorted(repr(_plain(each)) for each in value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


@functools.cache
def _usual(kind: type) -> tuple[tuple[str, object], ...]:
    """The fields of a dataclass with their defaults."""
    return tuple((each.name, _default(each)) for each in dataclasses.fields(kind))


def _default(field: dataclasses.Field[Any]) -> object:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
