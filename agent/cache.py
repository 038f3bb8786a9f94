"""The last accepted desired state on disk: what a host is kept at when nobody answers.

Owns ``<state_dir>/state.bin`` and ``state.bin.prev``. A file is replaced as a whole (written aside,
fsynced, renamed, directory fsynced) and carries a version and a SHA-256, so that a torn or rotten
one is noticed and the one before it is used. It also says which version of the agent took the state
from the wire: another one may have understood less of it, and what it did not understand is not in
the file. The cache also holds the rules that no later code can repair: which states may replace
the accepted one, which removals are still owed, and what is still to be given back.

Must not: talk to the controller, look at the host, or decide when something counts as applied.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from agent.columns import Release
from agent.disk import sync_directory, write_synced
from agent.model import OVERLAY_ID, HostState, segment_id, tunnel_id
from agent.planner import owed_releases

log = structlog.get_logger(__name__)

_MAGIC = b"OVSFAGST"
_VERSION = 2
_VERSION_WITH_RELEASES = 3
"""A file that owes no release is written as before, so that an older agent can read it."""
_HEADER = struct.Struct(">8sHHQHI")
_DIGEST_BYTES = 32


class CacheError(Exception):
    """The state directory cannot be used; the message says what to do."""


class RefusedStateError(Exception):
    """A state that must not replace the accepted one; ``reason`` is a stable CamelCase word."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class CorruptFileError(Exception):
    """A cache file that is torn, rotten or of another version."""


@dataclass(frozen=True, slots=True)
class Cached:
    """What lies on disk: the accepted state, and how far the datapath was last brought."""

    state: HostState
    accepted_by: str
    """The version of the agent that accepted the state."""
    applied_revision: int = 0
    applied_hash: bytes = b""


class StateCache:
    """The accepted state, in memory and on disk; ``encode``/``decode`` turn it into bytes."""

    def __init__(
        self,
        directory: Path,
        encode: Callable[[HostState], bytes],
        decode: Callable[[bytes], HostState],
        *,
        version: str,
    ) -> None:
        self._version = version
        self._path = directory / "state.bin"
        self._previous = directory / "state.bin.prev"
        self._encode = encode
        self._decode = decode
        self._current_is_sound = False
        self.cached: Cached | None = None

    def load(self) -> Cached | None:
        """Read the newest sound file; nothing on disk is a fresh host, two bad files an error."""
        damage: list[str] = []
        for path in (self._path, self._previous):
            try:
                self.cached = self._read(path)
            except FileNotFoundError:
                continue
            except CorruptFileError as error:
                damage.append(f"{path}: {error}")
                log.warning("state file is damaged", path=str(path), error=str(error))
            else:
                self._current_is_sound = path == self._path
                return self.cached
        if damage:
            log.error(
                "no accepted state is readable; the host stays as it is until the controller "
                "sends its state again",
                damage=damage,
            )
        return None

    @property
    def is_whole(self) -> bool:
        """Whether the accepted state is all that the running version can understand of it."""
        return self.cached is not None and self.cached.state.is_whole

    def accept(self, offered: HostState) -> HostState:
        """Make ``offered`` the accepted state, with the removals and releases still owed."""
        merged = offered
        applied_revision, applied_hash = 0, b""
        if self.cached is not None:
            refuse_unacceptable(self.cached.state, offered)
            merged = with_owed(self.cached.state, offered)
            applied_revision, applied_hash = self.cached.applied_revision, self.cached.applied_hash
            if self.cached.state.fleet_epoch != offered.fleet_epoch:
                # Revisions of another epoch count something else: nothing of this one is applied.
                applied_revision, applied_hash = 0, b""
        self._store(Cached(merged, self._version, applied_revision, applied_hash))
        return merged

    def record_applied(
        self,
        state: HostState,
        still_owed: frozenset[str],
        still_released: frozenset[Release] = frozenset(),
    ) -> None:
        """Remember that the datapath was brought to ``state`` and what of it remains to be done."""
        if self.cached is None or self.cached.state.revision != state.revision:
            return
        accepted = self.cached.state
        kept = dataclasses.replace(
            accepted,
            removed=accepted.removed - (state.removed - still_owed),
            released=accepted.released - (state.released - still_released),
        )
        record = Cached(kept, self.cached.accepted_by, state.revision, state.hash)
        if record != self.cached:
            self._store(record)

    def _store(self, record: Cached) -> None:
        content = _pack(record, self._encode(record.state))
        try:
            self._replace(content)
        except OSError as error:
            raise CacheError(
                f"cannot write {self._path}: {error.strerror}; the host stays at its last accepted "
                "state until the disk takes writes again"
            ) from error
        self.cached = record

    def _replace(self, content: bytes) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        write_synced(fresh, content)
        if self._current_is_sound:
            self._keep_previous()
        fresh.replace(self._path)
        sync_directory(self._path.parent)
        self._current_is_sound = True

    def _keep_previous(self) -> None:
        """By a second name for the file, so that there is a ``state.bin`` at every moment."""
        aside = self._previous.with_suffix(".aside")
        aside.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):  # somebody deleted it
            os.link(self._path, aside)
            aside.replace(self._previous)

    def _read(self, path: Path) -> Cached:
        frame = _unpack(path.read_bytes())
        try:
            accepted_by = frame.accepted_by.decode()
            state = dataclasses.replace(
                self._decode(frame.state),
                released=_decode_releases(frame.releases),
                is_whole=accepted_by == self._version,
            )
            return Cached(state, accepted_by, frame.applied_revision, frame.applied_hash)
        except ValueError as error:
            raise CorruptFileError(f"the state in it cannot be decoded: {error}") from error


def refuse_unacceptable(accepted: HostState, offered: HostState) -> None:
    """Raise RefusedStateError unless ``offered`` may replace ``accepted``."""
    if offered.fleet_uid != accepted.fleet_uid:
        raise RefusedStateError(
            "ForeignFleet",
            f"the controller speaks for fleet {offered.fleet_uid}, but this host belongs to fleet "
            f"{accepted.fleet_uid}; to move it, stop the agent, empty its state directory and "
            "enrol it again",
        )
    if offered.host_uid != accepted.host_uid:
        raise RefusedStateError(
            "ForeignHost",
            f"the state is for host {offered.host_uid}, this host is {accepted.host_uid}; "
            "to give the machine another identity, empty the state directory and enrol it again",
        )
    if offered.fleet_epoch < accepted.fleet_epoch:
        raise RefusedStateError(
            "StaleEpoch",
            f"the controller is at fleet epoch {offered.fleet_epoch}, this host has seen epoch "
            f"{accepted.fleet_epoch}; an old database answers: stop that controller, or raise its "
            "epoch above the one seen here",
        )
    if offered.fleet_epoch == accepted.fleet_epoch and offered.revision < accepted.revision:
        raise RefusedStateError(
            "StaleRevision",
            f"the controller sent revision {offered.revision}, this host has accepted revision "
            f"{accepted.revision} of the same fleet epoch; after a database restore the fleet "
            "epoch must be raised",
        )


def with_owed(accepted: HostState, offered: HostState) -> HostState:
    """``offered`` with the removals and releases that it does not desire again."""
    owed = (accepted.removed | offered.removed) - desired_ids(offered)
    released = owed_releases(accepted, offered)
    return dataclasses.replace(offered, removed=owed, released=released)


def desired_ids(state: HostState) -> frozenset[str]:
    """Every resource id that ``state`` wants to exist."""
    ids = {bridge.id for bridge in state.bridges} | {port.id for port in state.ports}
    ids |= {tunnel.id for tunnel in state.tunnels}
    ids |= {mirror.id for mirror in state.mirrors} | {export.id for export in state.flow_exports}
    if state.overlay is not None:
        ids.add(OVERLAY_ID)
    for attachment in state.attachments:
        ids.add(segment_id(attachment.segment_uid))
        fragment = state.fragments.get(attachment.fragment_hash)
        ends = fragment.ends_of(state.host_uid) if fragment is not None else ()
        ids.update(tunnel_id(attachment.segment_uid, end) for end in ends)
    return frozenset(ids)


@dataclass(frozen=True, slots=True)
class _Frame:
    """What a file says, in bytes."""

    accepted_by: bytes
    applied_revision: int
    applied_hash: bytes
    state: bytes
    releases: bytes


def _encode_releases(released: frozenset[Release]) -> bytes:
    return json.dumps([dataclasses.astuple(each) for each in sorted(released)]).encode()


def _decode_releases(content: bytes) -> frozenset[Release]:
    return frozenset(_decode_release(each) for each in json.loads(content or b"[]"))


def _decode_release(fields: list[Any]) -> Release:
    resource, table, row, column, key, value = fields
    return Release(resource, table, row, column, key, tuple(value))


def _pack(record: Cached, encoded: bytes) -> bytes:
    accepted_by = record.accepted_by.encode()
    released = record.state.released
    header = _HEADER.pack(
        _MAGIC,
        _VERSION_WITH_RELEASES if released else _VERSION,
        len(accepted_by),
        record.applied_revision,
        len(record.applied_hash),
        len(encoded),
    )
    body = header + accepted_by + record.applied_hash + encoded
    if released:
        body += _encode_releases(released)
    return body + hashlib.sha256(body).digest()


def _unpack(content: bytes) -> _Frame:
    if len(content) < _HEADER.size + _DIGEST_BYTES:
        raise CorruptFileError("it is too short")
    body, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != digest:
        raise CorruptFileError("its checksum does not match")
    magic, version, *_ = _HEADER.unpack_from(body)
    if magic != _MAGIC or version not in (_VERSION, _VERSION_WITH_RELEASES):
        raise CorruptFileError(f"it is no state file of a version up to {_VERSION_WITH_RELEASES}")
    _, _, name_length, applied_revision, hash_length, state_length = _HEADER.unpack_from(body)
    hash_at = _HEADER.size + name_length
    state_at = hash_at + hash_length
    releases_at = state_at + state_length
    if len(body) < releases_at or (version == _VERSION and len(body) != releases_at):
        raise CorruptFileError("its lengths do not add up")
    return _Frame(
        accepted_by=body[_HEADER.size : hash_at],
        applied_revision=applied_revision,
        applied_hash=body[hash_at:state_at],
        state=body[state_at:releases_at],
        releases=body[releases_at:],
    )
