"""What a host that goes back, or has gone back, is without: what was never made of its state.

To go back to a state is to be as that state was realized. What waited when it was confirmed, for a
name or for what it rests on, was never tried with it. The one rule for all of that: *what was never
made is left out of the way back as soon as it touches the way to the controller*, on disk before
the first step of that, with what waits to stand on it. So is what the undone change itself has
otherwise, or takes over. All else that waits stays intended: whatever came of it meanwhile has
nothing to do with what was undone.

A state without something keeps the hash that it was sent with: it is that state, and what is left
out of it is kept beside it. It is left out until another state is confirmed, a failure of its own
each. And while it is, or while a host is held at what it went back to, nothing is tried alone: what
would touch the way then waits for the release. Pure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator

from agent.errors import ErrorKind, Failure
from agent.model import HostState
from agent.state_file import Cached
from agent.undoing import changed_by

LEFT_OUT = "LeftOut"


def less(state: HostState, left_out: Collection[str]) -> HostState:
    """``state`` without what is left out of it."""
    if not left_out:
        return state
    return dataclasses.replace(
        state,
        bridges=tuple(each for each in state.bridges if each.id not in left_out),
        ports=tuple(each for each in state.ports if each.id not in left_out),
        tunnels=tuple(each for each in state.tunnels if each.id not in left_out),
        mirrors=tuple(each for each in state.mirrors if each.id not in left_out),
        flow_exports=tuple(each for each in state.flow_exports if each.id not in left_out),
    )


def single(state: HostState) -> frozenset[str]:
    """What a state can be without while all else of it means the same."""
    found = {each.id for each in state.bridges} | {each.id for each in state.ports}
    found |= {each.id for each in state.tunnels} | {each.id for each in state.mirrors}
    return frozenset(found | {each.id for each in state.flow_exports})


def first_left_out(cached: Cached, touched: Collection[str]) -> frozenset[str]:
    """Of the confirmed state of ``cached``, when a trial of the accepted one begins."""
    confirmed = cached.confirmed
    missing = cached.short.missing
    if confirmed is None or not missing:
        return frozenset()
    others = changed_by(cached.state, confirmed) | cached.state.grants.adoptions.keys()
    return _with_what_waits_on(confirmed, missing & (others | set(touched)), missing)


def more_left_out(cached: Cached, touched: Collection[str]) -> frozenset[str]:
    """What came to it in the course of that trial."""
    missing = cached.short.missing
    more = missing.intersection(touched) - cached.left_out
    if cached.confirmed is None or not more:
        return frozenset()
    return _with_what_waits_on(cached.confirmed, more, missing) - cached.left_out


def _with_what_waits_on(
    state: HostState, left_out: frozenset[str], missing: frozenset[str]
) -> frozenset[str]:
    names = {each.name for each in state.bridges if each.id in left_out}
    standing = {each.id for each in state.tunnels if each.bridge in names}
    standing |= {each.id for each in state.mirrors if each.bridge in names}
    standing |= {
        each.id
        for each in state.ports
        if each.bridge in names or (each.patch is not None and each.patch.bridge in names)
    }
    return left_out | (missing & standing)


def left_out_failures(cached: Cached) -> Iterator[Failure]:
    """One for each resource that the accepted state is without."""
    if cached.confirmed is None:
        yield from (left_out_failure(cached, each, "left out") for each in sorted(cached.left_out))


def left_out_failure(cached: Cached, resource: str, what: str) -> Failure:
    """``what`` is not done, or is not there."""
    undone = cached.undone
    since = "a change" if undone is None else f"revision {undone.revision}"
    message = (
        f"{what} since {since} was undone: it was not on this host when that was confirmed last, "
        "and could cut it off. Correct the intent, then let the host follow it: "
        f"ovsfleet release {cached.state.host_name}"
    )
    return Failure(resource, ErrorKind.CONFLICT, LEFT_OUT, message)
