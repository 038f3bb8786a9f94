"""The border between the wire and the agent's model: every message is translated here and nowhere.

Pure, and total on whatever a newer or older controller may send: an enum value that this agent does
not know becomes ``UNKNOWN`` (the planner reports it as UNSUPPORTED), a state that refers to a
fragment which nobody has is an error, because guessing would remove tunnels. Must not decide what a
state means for the host.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from google.protobuf.message import DecodeError
from ovsfleet.v1 import agent_pb2, state_pb2

from agent.controlplane.fragment_codec import decode_fragment, encode_fragment
from agent.controlplane.monitoring_codec import (
    decode_flow_export,
    decode_mirror,
    encode_flow_export,
    encode_mirror,
)
from agent.controlplane.port_codec import decode_port, encode_port
from agent.controlplane.safety_codec import (
    decode_grants,
    decode_safety,
    encode_grants,
    encode_safety,
)
from agent.controlplane.settings_codec import decode_settings, encode_settings
from agent.errors import ErrorKind, Failure
from agent.fragments import SegmentFragment
from agent.model import (
    OVERLAY_ID,
    Backend,
    Bridge,
    BridgeType,
    DatapathType,
    HostState,
    SegmentAttachment,
    Tunnel,
)

_DATAPATH_TYPES = {
    DatapathType.SYSTEM: state_pb2.DATAPATH_TYPE_SYSTEM,
    DatapathType.NETDEV: state_pb2.DATAPATH_TYPE_NETDEV,
    DatapathType.UNKNOWN: state_pb2.DATAPATH_TYPE_UNSPECIFIED,
}
_DATAPATH_TYPES_BACK = {number: value for value, number in _DATAPATH_TYPES.items()}
_BACKENDS = {
    Backend.OVS: state_pb2.BACKEND_OVS,
    Backend.KERNEL: state_pb2.BACKEND_KERNEL,
}
_BACKENDS_BACK = {
    # Controllers that do not know the field know no other backend either.
    state_pb2.BACKEND_UNSPECIFIED: Backend.OVS,
    **{number: value for value, number in _BACKENDS.items()},
}
_UNKNOWN_BACKEND: state_pb2.Backend.ValueType = 2**31 - 1  # type: ignore[assignment]
"""Stands for every backend that this agent does not know, because 0 has a meaning already."""
_BRIDGE_TYPES = {
    BridgeType.OVS: state_pb2.BRIDGE_TYPE_OVS,
    BridgeType.LINUX: state_pb2.BRIDGE_TYPE_LINUX,
}
_BRIDGE_TYPES_BACK = {
    # Controllers that do not know the field know no other type either.
    state_pb2.BRIDGE_TYPE_UNSPECIFIED: BridgeType.OVS,
    **{number: value for value, number in _BRIDGE_TYPES.items()},
}
_UNKNOWN_BRIDGE_TYPE: state_pb2.BridgeType.ValueType = 2**31 - 1  # type: ignore[assignment]
_ERROR_KINDS = {
    ErrorKind.INVALID: agent_pb2.ERROR_KIND_INVALID,
    ErrorKind.UNSUPPORTED: agent_pb2.ERROR_KIND_UNSUPPORTED,
    ErrorKind.CONFLICT: agent_pb2.ERROR_KIND_CONFLICT,
    ErrorKind.TRANSIENT: agent_pb2.ERROR_KIND_TRANSIENT,
    ErrorKind.DATAPATH: agent_pb2.ERROR_KIND_DATAPATH,
    ErrorKind.BUG: agent_pb2.ERROR_KIND_BUG,
}


class CodecError(ValueError):
    """A message that cannot be a state; nothing of it may be applied."""


class MissingFragmentError(CodecError):
    """The state refers to segment fragments that were neither sent nor known.

    The way out is a new session whose Hello names no fragment: everything is sent again.
    """

    def __init__(self, hashes: Iterable[bytes]) -> None:
        self.hashes = frozenset(hashes)
        names = ", ".join(sorted(each.hex() for each in self.hashes))
        super().__init__(f"the state refers to segment fragments that were not sent: {names}")


def decode_host_state(
    message: state_pb2.HostState, known_fragments: Mapping[bytes, SegmentFragment]
) -> HostState:
    """The state in ``message`` with exactly the fragments that it refers to.

    ``removed`` is what the message names; what the agent still owes is merged by its cache.
    """
    if not message.HasField("host"):
        raise CodecError("the state has no host part")
    host = message.host
    attachments = tuple(_decode_attachment(each) for each in host.attachments)
    return HostState(
        fleet_uid=message.fleet_uid,
        fleet_epoch=message.fleet_epoch,
        revision=message.revision,
        hash=message.hash,
        host_uid=host.host_uid,
        host_name=host.host_name,
        overlay=_decode_overlay(host),
        bridges=tuple(_decode_bridge(each) for each in host.bridges),
        ports=tuple(decode_port(each) for each in host.ports),
        attachments=attachments,
        tunnels=tuple(_decode_tunnel(each) for each in host.tunnels),
        mirrors=tuple(decode_mirror(each) for each in host.mirrors),
        flow_exports=tuple(decode_flow_export(each) for each in host.flow_exports),
        fragments=_choose_fragments(attachments, message.fragments, known_fragments),
        removed=frozenset(message.removed),
        grants=decode_grants(host),
        safety=decode_safety(host),
    )


def encode_host_state(state: HostState) -> state_pb2.HostState:
    """The message that decodes to ``state`` for somebody who knows no fragment."""
    return state_pb2.HostState(
        fleet_uid=state.fleet_uid,
        fleet_epoch=state.fleet_epoch,
        revision=state.revision,
        hash=state.hash,
        host=state_pb2.HostPart(
            host_uid=state.host_uid,
            host_name=state.host_name,
            overlay=_encode_overlay(state.overlay),
            bridges=[_encode_bridge(each) for each in state.bridges],
            ports=[encode_port(each) for each in state.ports],
            attachments=[_encode_attachment(each) for each in state.attachments],
            tunnels=[_encode_tunnel(each) for each in state.tunnels],
            mirrors=[encode_mirror(each) for each in state.mirrors],
            flow_exports=[encode_flow_export(each) for each in state.flow_exports],
            grants=encode_grants(state.grants),
            safety=encode_safety(state.safety),
        ),
        fragments=[encode_fragment(state.fragments[key]) for key in sorted(state.fragments)],
        removed=sorted(state.removed),
    )


def dump_host_state(state: HostState) -> bytes:
    """``state`` as bytes that are equal for equal states (for the cache on disk)."""
    return encode_host_state(state).SerializeToString(deterministic=True)


def load_host_state(content: bytes) -> HostState:
    """The state that ``dump_host_state`` wrote; CodecError where the bytes are something else."""
    try:
        message = state_pb2.HostState.FromString(content)
    except DecodeError as error:
        raise CodecError(f"not a HostState message: {error}") from error
    return decode_host_state(message, {})


def encode_status(
    *,
    observed_revision: int,
    applied_revision: int,
    applied_hash: bytes,
    outcome: agent_pb2.Outcome.ValueType,
    failures: Iterable[Failure],
) -> agent_pb2.HostStatus:
    return agent_pb2.HostStatus(
        observed_revision=observed_revision,
        applied_revision=applied_revision,
        applied_hash=applied_hash,
        outcome=outcome,
        failures=[encode_failure(each) for each in sorted(failures)],
    )


def encode_failure(failure: Failure) -> agent_pb2.Failure:
    return agent_pb2.Failure(
        resource=failure.resource,
        kind=_ERROR_KINDS[failure.kind],
        reason=failure.reason,
        message=failure.message,
    )


# --- parts ---------------------------------------------------------------------------------------


def _choose_fragments(
    attachments: Iterable[SegmentAttachment],
    sent: Iterable[state_pb2.SegmentFragment],
    known: Mapping[bytes, SegmentFragment],
) -> dict[bytes, SegmentFragment]:
    available = {**known, **{each.hash: decode_fragment(each) for each in sent}}
    wanted = {each.fragment_hash for each in attachments}
    missing = wanted - available.keys()
    if missing:
        raise MissingFragmentError(missing)
    return {key: available[key] for key in sorted(wanted)}


def _decode_overlay(host: state_pb2.HostPart) -> Bridge | None:
    if not host.HasField("overlay"):
        return None
    return Bridge(OVERLAY_ID, host.overlay.name, _decode_datapath_type(host.overlay.datapath_type))


def _encode_overlay(overlay: Bridge | None) -> state_pb2.OverlayBridge | None:
    if overlay is None:
        return None
    return state_pb2.OverlayBridge(
        name=overlay.name, datapath_type=_DATAPATH_TYPES[overlay.datapath_type]
    )


def _decode_bridge(message: state_pb2.Bridge) -> Bridge:
    return Bridge(
        message.id,
        message.name,
        _decode_datapath_type(message.datapath_type),
        decode_settings(message.settings),
        _BRIDGE_TYPES_BACK.get(message.type, BridgeType.UNKNOWN),
        dict(message.link_attributes),
    )


def _encode_bridge(bridge: Bridge) -> state_pb2.Bridge:
    return state_pb2.Bridge(
        id=bridge.id,
        name=bridge.name,
        datapath_type=_DATAPATH_TYPES[bridge.datapath_type],
        settings=encode_settings(bridge.settings),
        type=_BRIDGE_TYPES.get(bridge.type, _UNKNOWN_BRIDGE_TYPE),
        link_attributes=bridge.link_attributes,
    )


def _decode_datapath_type(number: state_pb2.DatapathType.ValueType) -> DatapathType:
    return _DATAPATH_TYPES_BACK.get(number, DatapathType.UNKNOWN)


def _decode_attachment(message: state_pb2.SegmentAttachment) -> SegmentAttachment:
    return SegmentAttachment(
        segment_uid=message.segment_uid,
        local_vlan=message.local_vlan,
        fragment_hash=message.fragment_hash,
        backend=_BACKENDS_BACK.get(message.backend, Backend.UNKNOWN),
        linux_bridge=message.linux_bridge,
    )


def _encode_attachment(attachment: SegmentAttachment) -> state_pb2.SegmentAttachment:
    return state_pb2.SegmentAttachment(
        segment_uid=attachment.segment_uid,
        local_vlan=attachment.local_vlan,
        fragment_hash=attachment.fragment_hash,
        backend=_BACKENDS.get(attachment.backend, _UNKNOWN_BACKEND),
        linux_bridge=attachment.linux_bridge,
    )


def _decode_tunnel(message: state_pb2.Tunnel) -> Tunnel:
    return Tunnel(
        id=message.id,
        bridge=message.bridge,
        local_ip=message.local_ip,
        remote_ip=message.remote_ip,
        vni=message.vni,
        dst_port=message.dst_port,
        tag=message.tag,
        ttl=message.ttl,
        tos=message.tos,
        csum=message.csum if message.HasField("csum") else None,
        df_default=message.df_default if message.HasField("df_default") else None,
    )


def _encode_tunnel(tunnel: Tunnel) -> state_pb2.Tunnel:
    return state_pb2.Tunnel(
        id=tunnel.id,
        bridge=tunnel.bridge,
        tag=tunnel.tag,
        local_ip=tunnel.local_ip,
        remote_ip=tunnel.remote_ip,
        vni=tunnel.vni,
        dst_port=tunnel.dst_port,
        ttl=tunnel.ttl,
        tos=tunnel.tos,
        csum=tunnel.csum,
        df_default=tunnel.df_default,
    )
