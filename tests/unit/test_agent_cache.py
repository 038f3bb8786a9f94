"""The agent's file on disk: what survives a crash, a torn write and an upgrade."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from pathlib import Path

import pytest

from agent.acceptance import RefusedStateError
from agent.cache import CacheError, StateCache
from agent.columns import Release, Settings
from agent.controlplane import codec
from agent.fragments import SegmentFragment, SegmentLink, SegmentMember, Topology
from agent.model import Bridge, DatapathType, HostState, Port, PortType, SegmentAttachment, Tunnel
from agent.monitoring import FlowExport, FlowProtocol, Mirror

FRAGMENT = SegmentFragment(
    hash=b"f1",
    segment_uid="s1",
    vni=5000,
    dst_port=4789,
    mtu=1450,
    members=(SegmentMember("h1", "one", "10.0.0.1"), SegmentMember("h2", "two", "10.0.0.2")),
)


def state(revision: int = 1, **changes: object) -> HostState:
    whole = HostState(
        fleet_uid="fleet",
        fleet_epoch=1,
        revision=revision,
        hash=b"hash%d" % revision,
        host_uid="h1",
        host_name="one",
        overlay=Bridge("overlay", "br-fleet", DatapathType.NETDEV),
        bridges=(Bridge("bridge:b1", "br-a", DatapathType.NETDEV),),
        ports=(Port("port:p1", "p1", PortType.INTERNAL, "br-fleet", tag=2),),
        mirrors=(Mirror("mirror:m1", "m", "br-a", select_all=True, output_vlan=7),),
        flow_exports=(FlowExport("flow-export:e1", FlowProtocol.SFLOW, ("br-a",)),),
        tunnels=(Tunnel("tunnel:t1", "br-a", "10.0.0.1", "198.51.100.1", 20001, 4789),),
        attachments=(SegmentAttachment("s1", 2, b"f1"),),
        fragments={b"f1": FRAGMENT},
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def open_cache(directory: Path, version: str = "1.0") -> StateCache:
    cache = StateCache(directory, codec.dump_host_state, codec.load_host_state, version=version)
    cache.load()
    return cache


def test_an_accepted_state_is_there_after_a_restart(tmp_path: Path) -> None:
    open_cache(tmp_path).accept(state())
    cached = open_cache(tmp_path).cached
    assert cached is not None
    assert cached.state == state()
    assert cached.applied_revision == 0


def test_a_fresh_host_has_no_state(tmp_path: Path) -> None:
    assert open_cache(tmp_path / "new").cached is None


def test_what_was_applied_is_remembered_with_its_hash(tmp_path: Path) -> None:
    cache = open_cache(tmp_path)
    cache.record_applied(cache.accept(state(3)), frozenset())
    cached = open_cache(tmp_path).cached
    assert cached is not None
    assert (cached.applied_revision, cached.applied_hash) == (3, b"hash3")


def test_a_newer_state_does_not_count_as_applied(tmp_path: Path) -> None:
    cache = open_cache(tmp_path)
    cache.record_applied(cache.accept(state(3)), frozenset())
    cache.accept(state(4))
    assert cache.cached is not None
    assert cache.cached.applied_revision == 3
    assert cache.cached.applied_hash == b"hash3"


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "other version"])
def test_a_damaged_file_is_noticed_and_the_one_before_is_used(tmp_path: Path, damage: str) -> None:
    cache = open_cache(tmp_path)
    cache.accept(state(1))
    cache.accept(state(2))
    path = tmp_path / "state.bin"
    content = path.read_bytes()
    path.write_bytes(
        {
            "truncate": content[:-7],
            "flip": content[:40] + bytes([content[40] ^ 1]) + content[41:],
            "empty": b"",
            "other version": b"OVSFAGST\x00\x63" + content[10:],
        }[damage]
    )
    cached = open_cache(tmp_path).cached
    assert cached is not None
    assert cached.state == state(1)


def test_a_damaged_file_never_pushes_the_sound_one_out(tmp_path: Path) -> None:
    cache = open_cache(tmp_path)
    cache.accept(state(1))
    cache.accept(state(2))
    (tmp_path / "state.bin").write_bytes(b"torn")
    open_cache(tmp_path).accept(state(3))
    (tmp_path / "state.bin").write_bytes(b"torn again")
    cached = open_cache(tmp_path).cached
    assert cached is not None
    assert cached.state == state(1)


def test_two_damaged_files_are_a_host_without_a_state(tmp_path: Path) -> None:
    for name in ("state.bin", "state.bin.prev"):
        (tmp_path / name).write_bytes(b"torn")
    assert open_cache(tmp_path).cached is None


def test_a_crash_between_the_renames_leaves_the_previous_state(tmp_path: Path) -> None:
    cache = open_cache(tmp_path)
    cache.accept(state(1))
    (tmp_path / "state.bin").rename(tmp_path / "state.bin.prev")
    cached = open_cache(tmp_path).cached
    assert cached is not None
    assert cached.state == state(1)


def test_only_its_owner_may_read_the_state(tmp_path: Path) -> None:
    open_cache(tmp_path).accept(state())
    assert (tmp_path / "state.bin").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("offered", "reason"),
    [
        (state(9, fleet_epoch=1), "StaleEpoch"),
        (state(4, fleet_epoch=2), "StaleRevision"),
        (state(9, fleet_epoch=2, fleet_uid="other"), "ForeignFleet"),
        (state(9, fleet_epoch=2, host_uid="h2"), "ForeignHost"),
    ],
)
def test_a_state_that_must_not_be_applied_is_refused(
    tmp_path: Path, offered: HostState, reason: str
) -> None:
    cache = open_cache(tmp_path)
    accepted = cache.accept(state(5, fleet_epoch=2))
    with pytest.raises(RefusedStateError) as refused:
        cache.accept(offered)
    assert refused.value.reason == reason
    assert open_cache(tmp_path).cached is not None
    assert cache.cached is not None
    assert cache.cached.state == accepted


def test_a_higher_epoch_may_bring_a_lower_revision_and_nothing_of_it_is_applied(
    tmp_path: Path,
) -> None:
    cache = open_cache(tmp_path)
    cache.record_applied(cache.accept(state(7)), frozenset())
    cache.accept(state(3, fleet_epoch=2))
    assert cache.cached is not None
    assert (cache.cached.state.revision, cache.cached.applied_revision) == (3, 0)


def test_a_removal_is_owed_until_it_is_seen_gone(tmp_path: Path) -> None:
    cache = open_cache(tmp_path)
    cache.accept(state(1, removed=frozenset({"port:a", "port:b"})))
    merged = cache.accept(state(2, removed=frozenset({"port:c"})))
    assert merged.removed == {"port:a", "port:b", "port:c"}
    cache.record_applied(merged, still_owed=frozenset({"port:b"}))
    again = open_cache(tmp_path).cached
    assert again is not None
    assert again.state.removed == {"port:b"}


def test_the_removal_of_a_tunnel_is_owed_though_both_of_its_hosts_stay(tmp_path: Path) -> None:
    cache = open_cache(tmp_path)
    cache.accept(state(1))
    linked = dataclasses.replace(
        FRAGMENT,
        hash=b"f2",
        members=(*FRAGMENT.members, SegmentMember("h3", "three", "10.0.0.3")),
        topology=Topology.LINKS,
        links=(SegmentLink("h1", "h3"), SegmentLink("h2", "h3")),
        external_vteps=("198.51.100.7",),
    )
    removed = {"tunnel:s1/h2", "tunnel:s1/h3", "tunnel:s1/198.51.100.7", "tunnel:s1/198.51.100.8"}
    offered = state(
        2,
        attachments=(SegmentAttachment("s1", 2, b"f2"),),
        fragments={b"f2": linked},
        removed=frozenset(removed),
    )
    assert cache.accept(offered).removed == {"tunnel:s1/h2", "tunnel:s1/198.51.100.8"}


@pytest.mark.parametrize(
    "resource",
    [
        "mirror:m1",
        "flow-export:e1",
        "port:p1",
        "overlay",
        "bridge:b1",
        "segment:s1",
        "tunnel:s1/h2",
        "tunnel:t1",
    ],
)
def test_a_removal_of_what_is_desired_again_is_forgotten(tmp_path: Path, resource: str) -> None:
    cache = open_cache(tmp_path)
    gone = HostState("fleet", 1, 1, b"gone", "h1", "one")
    cache.accept(dataclasses.replace(gone, removed=frozenset({resource, "port:x"})))
    assert cache.accept(state(2)).removed == {"port:x"}


def test_a_state_that_another_version_accepted_is_kept_but_does_not_count_as_whole(
    tmp_path: Path,
) -> None:
    open_cache(tmp_path, "1.0").accept(state(3))
    upgraded = open_cache(tmp_path, "1.1")
    assert upgraded.cached is not None
    assert upgraded.cached.state == dataclasses.replace(state(3), is_whole=False)
    assert not upgraded.is_whole
    upgraded.record_applied(state(3), frozenset())
    assert not open_cache(tmp_path, "1.1").is_whole
    upgraded.accept(state(3))
    assert open_cache(tmp_path, "1.1").is_whole
    assert not open_cache(tmp_path, "1.0").is_whole


def test_a_host_without_a_state_has_no_whole_one(tmp_path: Path) -> None:
    assert not open_cache(tmp_path).is_whole


def test_recording_what_is_recorded_writes_nothing(tmp_path: Path) -> None:
    cache = open_cache(tmp_path)
    cache.record_applied(cache.accept(state(3)), frozenset())
    before = (tmp_path / "state.bin").stat().st_ino
    cache.record_applied(state(3), frozenset())
    assert (tmp_path / "state.bin").stat().st_ino == before


def test_a_disk_that_takes_no_writes_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file where the directory should be")
    cache = StateCache(
        tmp_path / "blocked", codec.dump_host_state, codec.load_host_state, version="1.0"
    )
    with pytest.raises(CacheError, match="until the disk takes writes again"):
        cache.accept(state())
    assert cache.cached is None


def test_a_state_file_that_somebody_deleted_is_written_again(tmp_path: Path) -> None:
    cache = open_cache(tmp_path)
    cache.accept(state(1))
    (tmp_path / "state.bin").unlink()
    cache.accept(state(2))
    cached = open_cache(tmp_path).cached
    assert cached is not None
    assert cached.state == state(2)


def test_the_accepted_state_keeps_its_name_until_the_next_one_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = open_cache(tmp_path)
    cache.accept(state(1))
    cache.accept(state(2))
    rename = Path.replace

    def cut_short(path: Path, target: Path) -> Path:
        if path.name == "state.new":
            raise OSError(5, "Input/output error")
        return rename(path, target)

    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", cut_short)
            with pytest.raises(CacheError):
                cache.accept(state(3))
        assert (tmp_path / "state.bin").exists()
        cached = open_cache(tmp_path).cached
        assert cached is not None
        assert cached.state == state(2)
    cache.accept(state(3))
    (tmp_path / "state.bin").write_bytes(b"rotten")
    assert open_cache(tmp_path).cached is not None


def setting(**columns: tuple[str | int | bool, ...]) -> tuple[Bridge, ...]:
    maps = {"other_config": {"mac-aging-time": "60"}, "external_ids": {"ovsfleet-id": "x"}}
    settings = Settings(columns, maps if columns else {})
    return (Bridge("bridge:b1", "br-a", DatapathType.NETDEV, settings),)


STP = Release("bridge:b1", "Bridge", "br-a", "stp_enable", None, (True,))
AGING = Release("bridge:b1", "Bridge", "br-a", "other_config", "mac-aging-time", ("60",))


def test_what_a_state_does_not_set_any_more_is_owed_until_it_is_seen_given_back(
    tmp_path: Path,
) -> None:
    cache = open_cache(tmp_path)
    assert cache.accept(state(1, bridges=setting(stp_enable=(True,)))).released == frozenset()
    merged = cache.accept(state(2))
    assert merged.released == {STP, AGING}
    cache.record_applied(merged, frozenset(), still_released=frozenset({AGING}))
    again = open_cache(tmp_path)
    assert again.cached is not None
    assert again.cached.state.released == {AGING}
    assert again.accept(state(3)).released == {AGING}
    assert again.accept(state(4, bridges=setting(stp_enable=(False,)))).released == frozenset()
    off = dataclasses.replace(STP, value=(False,))
    assert again.accept(state(5, bridges=setting(stp_enable=(True,)))).released == {off}


def test_what_is_set_with_or_without_a_word_of_intent_is_never_given_back(tmp_path: Path) -> None:
    cache = open_cache(tmp_path)
    cache.accept(state(1, bridges=setting(fail_mode=("standalone",), no_such_column=(1,))))
    assert cache.accept(state(2)).released == {AGING}


@pytest.mark.parametrize("applied", [0, 1])
@pytest.mark.parametrize("releases", ["", "[]", json.dumps([dataclasses.astuple(STP)])])
def test_a_file_of_an_older_agent_is_read(tmp_path: Path, releases: str, applied: int) -> None:
    encoded = codec.dump_host_state(state(1))
    version = 3 if releases else 2
    header = struct.pack(">8sHHQHI", b"OVSFAGST", version, 1, applied, 0, len(encoded))
    body = header + b"0" + encoded + releases.encode()
    path = tmp_path / "state.bin"
    path.write_bytes(body + hashlib.sha256(body).digest())
    cached = open_cache(tmp_path).cached
    assert cached is not None
    assert (cached.state.revision, cached.applied_revision) == (1, applied)
    assert cached.state.released == ({STP} if len(releases) > 2 else set())
    assert (cached.confirmed is None) == bool(applied)
