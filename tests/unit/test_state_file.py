"""What lies beside the accepted state in the file: the way back, and what was undone."""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import agent.state_file
from agent.acceptance import RefusedStateError
from agent.cache import CacheError, StateCache
from agent.columns import Release
from agent.controlplane import codec
from agent.fragments import LostEnds, Neighbour, SegmentMember
from agent.state_file import Cached, CorruptFileError, nothing_confirmed, pack, unpack
from agent.trial import Before, Shortfall, Trial, Undone
from tests.support.agent_loop import state

FOUND = Release("port:a", "Link", "eth1", "mtu", None, (1500,))
TRIAL = Trial(
    "this boot",
    1.5,
    61.5,
    (("port:a", "change device a"), ("", "and 3 more")),
    frozenset({"port:z"}),
    frozenset({FOUND}),
    frozenset({"port:a"}),
)
UNDONE = Undone(7, b"\x00hash", "because", frozenset({"port:a", "overlay"}), is_settled=True)
MEMBER = SegmentMember(
    "h2", "two", "192.0.2.2", ("m",), (Neighbour("10.0.0.1", "m"),), "192.0.2.9", True
)
LOST = {"s": LostEnds((MEMBER,), ("198.51.100.9",))}
BEFORE = Before(frozenset({"port:y", "port:z"}), frozenset({FOUND}))
OWED = Release("bridge:b", "Bridge", "br-b", "stp_enable", None, (True,))
FULL = Cached(
    state(8, released=frozenset({OWED}), lost=LOST),
    "1",
    5,
    b"applied",
    confirmed=state(5, removed=frozenset({"port:b"}), released=frozenset({FOUND}), lost=LOST),
    confirmed_by="1",
    before=BEFORE,
    trial=TRIAL,
    undone=UNDONE,
    realized={"port:a": "digest"},
    short=Shortfall(frozenset({"port:b"}), frozenset({"port:a", "overlay"})),
)


def read(content: bytes) -> Cached:
    return unpack(content, codec.load_host_state, version="1")


@pytest.mark.parametrize(
    "record",
    [
        FULL,
        dataclasses.replace(FULL, confirmed=None, confirmed_by="", trial=None),
        dataclasses.replace(FULL, undone=None, realized={}),
        dataclasses.replace(FULL, before=None, trial=None),
        Cached(state(3), "1", confirmed=nothing_confirmed(state(3))),
        Cached(state(3), "1"),
        Cached(state(3, lost=LOST), "1", 3, b"hash of 3"),
        Cached(state(3), "1", 3, b"hash of 3", realized={"port:a": "digest"}),
    ],
)
def test_everything_that_is_remembered_comes_back(record: Cached) -> None:
    assert read(pack(record, codec.dump_host_state)) == record


def test_what_a_newer_agent_wrote_besides_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        extras = agent.state_file._extras

        def more(record: Cached) -> dict[str, Any]:
            known = extras(record)
            return known | {each: known[each] | {"new": 1} for each in ("trial", "undone")}

        patch.setattr(agent.state_file, "_extras", more)
        content = pack(FULL, codec.dump_host_state)
    assert b'"new": 1' in content
    assert read(content) == FULL


def test_any_bit_that_is_flipped_and_any_torn_end_are_noticed() -> None:
    content = pack(FULL, codec.dump_host_state)
    for at in range(0, len(content), 7):
        flipped = content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :]
        for damaged in (flipped, content[:at]):
            with pytest.raises(CorruptFileError):
                read(damaged)


def test_a_host_may_be_offered_its_confirmed_state_and_no_other_one_that_is_older(
    tmp_path: Path,
) -> None:
    cache = open_cache(tmp_path)
    cache.record_applied(cache.accept(state(4)), frozenset())
    cache.accept(state(6))
    with pytest.raises(RefusedStateError, match="revision 5"):
        cache.accept(state(5))
    assert cache.accept(state(4)).revision == 4
    assert cache.cached is not None
    assert cache.cached.confirmed is None


def test_going_back_over_an_epoch_counts_no_revision_of_the_old_one(tmp_path: Path) -> None:
    cache = open_cache(tmp_path)
    cache.record_applied(cache.accept(state(900)), frozenset())
    cache.accept(state(5, fleet_epoch=2))
    cache.revert("not confirmed")
    assert cache.cached is not None
    held = cache.cached.state
    assert (held.fleet_epoch, held.revision, held.hash) == (2, 0, b"hash of 900")
    assert cache.accept(state(6, fleet_epoch=2)).revision == 6


def test_what_was_realized_is_written_when_it_changed(tmp_path: Path) -> None:
    cache = open_cache(tmp_path)
    cache.record_applied(cache.accept(state(1)), frozenset())
    cache.remember_realized({"port:a": "digest"})
    written = (tmp_path / "state.bin").stat().st_ino
    cache.remember_realized({"port:a": "digest"})
    assert (tmp_path / "state.bin").stat().st_ino == written
    again = open_cache(tmp_path).cached
    assert again is not None
    assert again.realized == {"port:a": "digest"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_at_any_call_leaves_a_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    cache = open_cache(tmp_path)
    for revision in (1, 2):
        cache.record_applied(cache.accept(state(revision)), frozenset())
    cache.accept(state(3))
    failed = 0
    for calls in _failing(monkeypatch, number):
        try:
            cache.note(BEFORE, TRIAL)
        except CacheError:
            failed += 1
            monkeypatch.undo()
            left = open_cache(tmp_path).cached
            assert left is not None
            # A rename that is there although its directory was not synced is as good.
            assert left.trial in (None, TRIAL)
            assert left.before == (left.trial and BEFORE)
            assert dataclasses.replace(left, before=None, trial=None) == cache.cached
            continue
        assert calls > failed
        break
    assert failed >= 5
    monkeypatch.undo()
    again = open_cache(tmp_path).cached
    assert again is not None
    assert again.trial == TRIAL


def _failing(monkeypatch: pytest.MonkeyPatch, number: int) -> Iterator[int]:
    """Let the first call to the disk fail, then the second, and so on."""
    for at in range(1, 100):
        left = [at]

        def fails(real: Callable[..., Any], left: list[int] = left) -> Callable[..., Any]:
            def call(*arguments: Any, **options: Any) -> Any:
                left[0] -= 1
                if left[0] == 0:
                    raise OSError(number, os.strerror(number))
                return real(*arguments, **options)

            return call

        for owner, name in (
            (os, "open"),
            (os, "fdopen"),
            (os, "fsync"),
            (os, "link"),
            (Path, "replace"),
            (Path, "unlink"),
        ):
            monkeypatch.setattr(owner, name, fails(getattr(owner, name)))
        yield at
        monkeypatch.undo()


def open_cache(directory: Path) -> StateCache:
    cache = StateCache(directory, codec.dump_host_state, codec.load_host_state, version="1")
    cache.load()
    return cache
