"""The accepted desired state on disk, and the confirmed one beside it: what a host is kept at.

Owns ``<state_dir>/state.bin`` and ``state.bin.prev``. A file is replaced as a whole (written aside,
fsynced, renamed, directory fsynced); a torn or rotten one is noticed and the one before it is used.
It also says which version of the agent took the state from the wire: another one may have
understood less of it, and what it did not understand is not in the file. The cache also holds the
rules that no later code can repair: which states may replace the accepted one, which one is gone
back to, which removals are still owed, and what is still to be given back.

Must not: talk to the controller, look at the host, or decide when something counts as applied or
confirmed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import structlog

from agent.acceptance import refuse_unacceptable
from agent.columns import Release
from agent.disk import sync_directory, write_synced
from agent.fragments import LostEnds
from agent.granted import NOTHING_GRANTED, granted, owed, used
from agent.left_out import less
from agent.model import HostState, desired_ids
from agent.planner import lost_ends, owed_releases
from agent.planner.marks import mark_of
from agent.state_file import (
    Cached,
    CorruptFileError,
    Decode,
    Encode,
    nothing_confirmed,
    pack,
    unpack,
)
from agent.trial import NOTHING_SHORT, Before, Shortfall, Trial, Undone
from agent.undoing import changed_by, gone_back

log = structlog.get_logger(__name__)


class CacheError(Exception):
    """The state directory cannot be used; the message says what to do."""


class StateCache:
    """The accepted state, in memory and on disk; ``encode``/``decode`` turn it into bytes."""

    def __init__(
        self,
        directory: Path,
        encode: Encode,
        decode: Decode,
        *,
        version: str,
    ) -> None:
        self._version = version
        self._path = directory / "state.bin"
        self._previous = directory / "state.bin.prev"
        self._encode = encode
        self._decode = decode
        self._current_is_sound = False
        self._known: tuple[tuple[HostState, bytes], ...] = ()
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

    def accept(self, offered: HostState, before: Before | None = None) -> HostState:
        """Make ``offered`` the accepted state, with the removals and releases still owed.

        ``before`` is what the host is like now, for the first one after a confirmed state.
        """
        cached = self.cached
        if cached is None:
            nothing = nothing_confirmed(offered)
            offered, known = granted(NOTHING_GRANTED, offered)
            self._store(Cached(offered, self._version, confirmed=nothing, granted=known))
            return offered
        if not _is_confirmed_one(cached, offered):
            refuse_unacceptable(cached.state, offered)
        merged = with_owed(cached.state, _as_held(cached, offered))
        if cached.state.fleet_epoch != offered.fleet_epoch:
            # Revisions of another epoch count something else: nothing of this one is applied.
            cached = dataclasses.replace(
                cached, applied_revision=0, applied_hash=b"", granted=NOTHING_GRANTED
            )
        merged, known = granted(cached.granted, merged)
        record = dataclasses.replace(_as_candidate(cached, merged, before), granted=known)
        self._store(dataclasses.replace(record, accepted_by=self._version))
        return merged

    def record_applied(
        self,
        state: HostState,
        still_owed: frozenset[str],
        still_released: frozenset[Release] = frozenset(),
        still_lost: Mapping[str, LostEnds] | None = None,
        *,
        is_back: bool = True,
        unsettled: frozenset[str] = frozenset(),
        short: Shortfall = NOTHING_SHORT,
    ) -> None:
        """Remember that the datapath was brought to ``state``, what of it remains to be done, and
        that it needs no confirmation any more. ``is_back``: nothing is left of what was undone.
        What others than the ``unsettled`` resources were to take over they have taken over.
        """
        cached = self.cached
        if cached is None or cached.state.revision != state.revision:
            return
        grants, known = used(cached.granted, cached.state.grants, unsettled)
        kept = dataclasses.replace(
            cached.state,
            removed=cached.state.removed - (state.removed - still_owed),
            released=cached.state.released - (state.released - still_released),
            lost=cached.state.lost if still_lost is None else still_lost,
            grants=grants,
        )
        self._store_changed(
            dataclasses.replace(
                cached,
                state=kept,
                applied_revision=state.revision,
                applied_hash=state.hash,
                confirmed=None,
                confirmed_by="",
                before=None,
                trial=None,
                undone=cached.undone and _settled(cached.undone, is_back=is_back),
                short=short,
                granted=known,
                left_out=frozenset() if cached.confirmed is not None else cached.left_out,
            )
        )

    def note(
        self,
        before: Before | None,
        trial: Trial | None = None,
        left_out: frozenset[str] = frozenset(),
    ) -> None:
        """Remember, before anything is done, what the host is like, that the accepted state may
        have to be undone, and what the confirmed one is without then.
        """
        record = self._something() if trial is None else with_way_back(self._something())
        if record.confirmed is not None and left_out:
            confirmed = less(record.confirmed, left_out)
            left_out |= record.left_out
            record = dataclasses.replace(record, confirmed=confirmed, left_out=left_out)
        self._store_changed(dataclasses.replace(record, before=before, trial=trial))

    def confirm(self, short: Shortfall = NOTHING_SHORT) -> None:
        """The accepted state is the one to go back to from now on, as far as it is realized."""
        cached = self._something()
        record = dataclasses.replace(
            cached, confirmed=None, confirmed_by="", before=None, trial=None, short=short
        )
        self._store_changed(dataclasses.replace(record, left_out=frozenset()))

    def revert(self, why: str) -> None:
        """The confirmed state is the accepted one again; the other is not taken any more.

        In memory that is so even when it cannot be written (CacheError): who starts from the disk
        finds a trial that is over, and comes here again.
        """
        cached = self._something()
        if cached.confirmed is None:
            return
        kept = cached.trial.kept if cached.trial else frozenset()
        found = cached.trial.found if cached.trial else frozenset()
        adopted = cached.before.adopted if cached.before else frozenset()
        short = dataclasses.replace(cached.short, missing=cached.short.missing - cached.left_out)
        self.cached = dataclasses.replace(
            cached,
            state=gone_back(cached.state, cached.confirmed, kept, found, adopted),
            accepted_by=cached.confirmed_by or self._version,
            confirmed=None,
            confirmed_by="",
            before=None,
            trial=None,
            undone=Undone(
                cached.state.revision,
                cached.state.hash,
                why,
                changed_by(cached.state, cached.confirmed),
            ),
            short=short,
        )
        self._store(self.cached)

    def remember_realized(self, realized: Mapping[str, str]) -> None:
        """Make ``realized`` the digests, by resource, of what the host was last brought to."""
        if self.cached is not None:
            self._store_changed(dataclasses.replace(self.cached, realized=dict(realized)))

    def _something(self) -> Cached:
        assert self.cached is not None  # noqa: S101 - only a change to it is tried or undone
        return self.cached

    def _store_changed(self, record: Cached) -> None:
        if record != self.cached:
            self._store(record)

    def _store(self, record: Cached) -> None:
        content = pack(record, self._encoded)
        try:
            self._replace(content)
        except OSError as error:
            raise CacheError(
                f"cannot write {self._path}: {error.strerror}; the host stays at its last accepted "
                "state until the disk takes writes again"
            ) from error
        self.cached = record

    def _encoded(self, state: HostState) -> bytes:
        """A confirmed state is written again with each candidate: it need not be made again."""
        for known, content in self._known:
            if known is state:
                return content
        content = self._encode(state)
        self._known = (*self._known[-1:], (state, content))
        return content

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
        return unpack(path.read_bytes(), self._decode, version=self._version)


def _is_confirmed_one(cached: Cached, offered: HostState) -> bool:
    """A host that is held is offered its confirmed state, whose revision may be the lower one."""
    confirmed = cached.confirmed
    return confirmed is not None and (
        (confirmed.fleet_uid, confirmed.host_uid, confirmed.fleet_epoch, confirmed.hash)
        == (offered.fleet_uid, offered.host_uid, offered.fleet_epoch, offered.hash)
    )


def _as_held(cached: Cached, offered: HostState) -> HostState:
    """The state that the host is held at is without the same, however often it is sent."""
    held = cached.confirmed or cached.state
    return less(offered, cached.left_out) if offered.hash == held.hash else offered


def _as_candidate(cached: Cached, merged: HostState, before: Before | None) -> Cached:
    """``merged`` as the accepted state of ``cached``, to be confirmed unless it is so already."""
    undone = None if _is_past(cached.undone, cached.state, merged) else cached.undone
    if cached.confirmed is None and merged.hash == cached.state.hash:
        return dataclasses.replace(cached, state=merged, undone=undone)
    record = dataclasses.replace(with_way_back(cached), state=merged, undone=undone)
    if record.confirmed is not None and merged.hash == record.confirmed.hash:
        return dataclasses.replace(record, confirmed=None, confirmed_by="", before=None)
    return record if cached.confirmed is not None else dataclasses.replace(record, before=before)


def with_way_back(cached: Cached) -> Cached:
    """``cached`` with the state to go back to."""
    if cached.confirmed is not None:
        return cached
    return dataclasses.replace(cached, confirmed=cached.state, confirmed_by=cached.accepted_by)


def _settled(undone: Undone, *, is_back: bool) -> Undone:
    return dataclasses.replace(undone, is_settled=undone.is_settled or is_back)


def _is_past(undone: Undone | None, accepted: HostState, taken: HostState) -> bool:
    """Whether ``taken`` is newer intent than what was undone, and not what the host is held at."""
    if undone is None or taken.hash != accepted.hash or taken.fleet_epoch > accepted.fleet_epoch:
        return True
    return taken.revision > undone.revision and taken.hash != undone.hash


def with_owed(accepted: HostState, offered: HostState) -> HostState:
    """``offered`` with the removals and releases that it does not desire again, and with what it
    lost without a word.
    """
    desired = desired_ids(offered)
    removed, let_go = (each - desired for each in owed(accepted, offered))
    return dataclasses.replace(
        offered,
        removed=removed,
        released=owed_releases(accepted, offered) - set(map(mark_of, desired)),
        lost=lost_ends(accepted, offered, removed),
        grants=dataclasses.replace(offered.grants, removals=let_go),
    )
