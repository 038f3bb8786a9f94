"""The bytes of the state file: everything that the agent has to know after a power cut.

Pure. A file carries a version and a SHA-256, so that a torn or rotten one is noticed. Files of
older versions are read; an agent that knows none but those takes this one for damaged.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.columns import Release
from agent.fragments import LostEnds, Neighbour, SegmentMember
from agent.granted import NOTHING_GRANTED, Granted
from agent.model import HostState
from agent.trial import NOTHING_SHORT, Before, Shortfall, Trial, Undone

Encode = Callable[[HostState], bytes]
Decode = Callable[[bytes], HostState]

_MAGIC = b"OVSFAGST"
_VERSION = 4
"""After the state: the length of a JSON object, that object, and the confirmed state if any."""
_BARE_VERSION = 2
"""With nothing after the state; in version 3 releases follow it, as JSON."""
_HEADER = struct.Struct(">8sHHQHI")
_EXTRAS_LENGTH = struct.Struct(">I")
_DIGEST_BYTES = 32


class CorruptFileError(Exception):
    """A state file that is torn, rotten or of another version."""


@dataclass(frozen=True, slots=True)
class Cached:
    """What lies on disk: the accepted state, how far the datapath was last brought, and the way
    back.
    """

    state: HostState
    accepted_by: str
    """The version of the agent that accepted the state."""
    applied_revision: int = 0
    applied_hash: bytes = b""
    confirmed: HostState | None = None
    """The state to go back to; None: the accepted one is confirmed itself."""
    confirmed_by: str = ""
    """The version of the agent that accepted that one."""
    before: Before | None = None
    """What the host was like before anything was done about what is not confirmed; None: not looked
    at yet."""
    trial: Trial | None = None
    undone: Undone | None = None
    realized: Mapping[str, str] = field(default_factory=dict)
    """By resource, the digest of the desired part at which it was last realized."""
    short: Shortfall = NOTHING_SHORT
    """Of the confirmed state."""
    granted: Granted = NOTHING_GRANTED
    left_out: frozenset[str] = frozenset()
    """Of the confirmed state, what it is without although it was sent with it."""

    @property
    def going_back(self) -> Undone | None:
        """What was undone and is not back as it was yet."""
        return None if self.undone is None or self.undone.is_settled else self.undone

    @property
    def is_held(self) -> bool:
        """Whether a person is to look at the host before anything risky is done to it."""
        return self.undone is not None or bool(self.left_out)


def nothing_confirmed(state: HostState) -> HostState:
    """What a host is taken for that never had a confirmed state: without anything of ours."""
    return HostState(state.fleet_uid, state.fleet_epoch, 0, b"", state.host_uid, state.host_name)


def pack(record: Cached, encode: Encode) -> bytes:
    accepted_by, encoded = record.accepted_by.encode(), encode(record.state)
    header = _HEADER.pack(
        _MAGIC,
        _VERSION,
        len(accepted_by),
        record.applied_revision,
        len(record.applied_hash),
        len(encoded),
    )
    extras = _dump(_extras(record))
    confirmed = b"" if record.confirmed is None else encode(record.confirmed)
    tail = _EXTRAS_LENGTH.pack(len(extras)) + extras + confirmed
    body = header + accepted_by + record.applied_hash + encoded + tail
    return body + hashlib.sha256(body).digest()


def unpack(content: bytes, decode: Decode, *, version: str) -> Cached:
    """The record in ``content``; CorruptFileError. ``version`` is the one that runs."""
    frame = _frame(content)
    try:
        return _record(frame, decode, version)
    except (ValueError, TypeError, KeyError, struct.error) as error:
        raise CorruptFileError(f"the state in it cannot be decoded: {error}") from error


def _implied(plain: Cached) -> HostState | None:
    """The confirmed state of a file that has none: nothing was, while nothing was applied."""
    return None if plain.applied_revision or plain.applied_hash else nothing_confirmed(plain.state)


def _extras(record: Cached) -> dict[str, Any]:
    confirmed, trial, undone = record.confirmed, record.trial, record.undone
    before = record.before
    return {
        "released": _releases(record.state.released),
        "lost": _lost(record.state.lost),
        "realized": dict(record.realized),
        "missing": sorted(record.short.missing),
        "astray": sorted(record.short.astray),
        "left_out": sorted(record.left_out),
        "confirmed": confirmed
        and {
            "accepted_by": record.confirmed_by,
            "released": _releases(confirmed.released),
            "lost": _lost(confirmed.lost),
        },
        "before": before
        and {
            "there": sorted(before.there),
            "found": _releases(before.found),
            "adopted": sorted(before.adopted),
        },
        "trial": trial
        and dataclasses.asdict(trial)
        | {
            "kept": sorted(trial.kept),
            "found": _releases(trial.found),
            "on_path": sorted(trial.on_path),
        },
        "forced": dict(record.granted.forced),
        "taken": dict(record.granted.taken),
        "undone": undone
        and dataclasses.asdict(undone)
        | {"hash": undone.hash.hex(), "resources": sorted(undone.resources)},
    }


def _releases(released: frozenset[Release]) -> list[tuple[Any, ...]]:
    return [dataclasses.astuple(each) for each in sorted(released)]


def _lost(lost: Mapping[str, LostEnds]) -> dict[str, Any]:
    return {uid: dataclasses.asdict(ends) for uid, ends in lost.items()}


def _dump(document: Any) -> bytes:
    return json.dumps(document).encode()


@dataclass(frozen=True, slots=True)
class _Frame:
    """What a file says, in bytes."""

    version: int
    accepted_by: bytes
    applied_revision: int
    applied_hash: bytes
    state: bytes
    tail: bytes


def _frame(content: bytes) -> _Frame:
    if len(content) < _HEADER.size + _DIGEST_BYTES:
        raise CorruptFileError("it is too short")
    body, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != digest:
        raise CorruptFileError("its checksum does not match")
    magic, version, name_length, applied_revision, hash_length, state_length = _HEADER.unpack_from(
        body
    )
    if magic != _MAGIC or not _BARE_VERSION <= version <= _VERSION:
        raise CorruptFileError(f"it is no state file of a version up to {_VERSION}")
    hash_at = _HEADER.size + name_length
    state_at = hash_at + hash_length
    tail_at = state_at + state_length
    if len(body) < tail_at or (version == _BARE_VERSION and len(body) != tail_at):
        raise CorruptFileError("its lengths do not add up")
    return _Frame(
        version=version,
        accepted_by=body[_HEADER.size : hash_at],
        applied_revision=applied_revision,
        applied_hash=body[hash_at:state_at],
        state=body[state_at:tail_at],
        tail=body[tail_at:],
    )


def _record(frame: _Frame, decode: Decode, version: str) -> Cached:
    extras, confirmed = _split(frame)
    accepted_by = frame.accepted_by.decode()
    plain = Cached(
        _with_extras(decode(frame.state), extras, is_whole=accepted_by == version),
        accepted_by,
        frame.applied_revision,
        frame.applied_hash,
    )
    if frame.version < _VERSION:
        return dataclasses.replace(plain, confirmed=_implied(plain))
    if (of_confirmed := extras["confirmed"]) is not None:
        by = of_confirmed["accepted_by"]
        # What was never taken from the wire lacks nothing.
        back = _with_extras(decode(confirmed), of_confirmed, is_whole=by in ("", version))
        plain = dataclasses.replace(plain, confirmed=back, confirmed_by=by)
    return dataclasses.replace(
        plain,
        before=_before(extras.get("before")),
        trial=_trial(extras["trial"]),
        undone=_undone(extras["undone"]),
        realized=extras["realized"],
        short=Shortfall(*(frozenset(extras.get(each, ())) for each in ("missing", "astray"))),
        granted=_granted(extras),
        left_out=frozenset(extras.get("left_out", ())),
    )


def _granted(extras: Mapping[str, Any]) -> Granted:
    forced = {resource: (made, said) for resource, (made, said) in extras.get("forced", {}).items()}
    return Granted(forced, extras.get("taken", {}))


def _split(frame: _Frame) -> tuple[dict[str, Any], bytes]:
    """The extras of a file, and the encoded confirmed state."""
    if frame.version < _VERSION:
        return {"released": json.loads(frame.tail or b"[]")}, b""
    (length,) = _EXTRAS_LENGTH.unpack_from(frame.tail)
    end = _EXTRAS_LENGTH.size + length
    return json.loads(frame.tail[_EXTRAS_LENGTH.size : end]), frame.tail[end:]


def _with_extras(state: HostState, extras: Mapping[str, Any], *, is_whole: bool) -> HostState:
    found = frozenset(_release(each) for each in extras["released"])
    lost = {uid: _lost_ends(each) for uid, each in extras.get("lost", {}).items()}
    return dataclasses.replace(state, released=found, lost=lost, is_whole=is_whole)


def _lost_ends(fields: Mapping[str, Any]) -> LostEnds:
    members = tuple(_member(each) for each in fields["members"])
    return LostEnds(members, tuple(fields["vteps"]))


def _member(fields: Mapping[str, Any]) -> SegmentMember:
    return SegmentMember(
        fields["host_uid"],
        fields["host_name"],
        fields["vtep"],
        tuple(fields["macs"]),
        tuple(Neighbour(each["ip"], each["mac"]) for each in fields["neighbours"]),
        fields["former_vtep"],
        fields["former_is_unused"],
    )


def _release(fields: list[Any]) -> Release:
    resource, table, row, column, key, value = fields
    return Release(resource, table, row, column, key, tuple(value))


def _before(fields: dict[str, Any] | None) -> Before | None:
    if fields is None:
        return None
    adopted = frozenset(fields.get("adopted", ()))
    return Before(frozenset(fields["there"]), frozenset(map(_release, fields["found"])), adopted)


def _trial(fields: dict[str, Any] | None) -> Trial | None:
    if fields is None:
        return None
    touched = tuple((resource, what) for resource, what in fields["touched"])
    found = frozenset(_release(each) for each in fields.get("found", ()))
    kept, on_path = frozenset(fields["kept"]), frozenset(fields.get("on_path", ()))
    made = {"touched": touched, "kept": kept, "found": found, "on_path": on_path}
    return Trial(**_known(Trial, fields) | made)


def _undone(fields: dict[str, Any] | None) -> Undone | None:
    if fields is None:
        return None
    plain = {"hash": bytes.fromhex(fields["hash"]), "resources": frozenset(fields["resources"])}
    return Undone(**_known(Undone, fields) | plain)


def _known(kind: type[Trial | Undone], fields: dict[str, Any]) -> dict[str, Any]:
    """A newer agent may have written more: what this one does not know it does without."""
    names = {each.name for each in dataclasses.fields(kind)}
    return {name: value for name, value in fields.items() if name in names}
