"""What intent set on rows once and does not set any more: it goes back to Open vSwitch.

The third of the three ways: beside what is wanted and what is there, what was wanted before. The
agent keeps it with its accepted state until it is seen given back; a row that is gone has given
everything back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeAlias

from agent.columns import ALWAYS_SET, NO_SETTINGS, SETTABLE, ColumnType, Release, Settings
from agent.model import HostState, ObservedState, OvsBridge, OvsInterface, OvsPort
from agent.planner.ops import NO_AMENDMENT, Amendment
from agent.planner.ownership import owned_id
from agent.planner.settings import MARK_PREFIX

Row: TypeAlias = OvsBridge | OvsPort | OvsInterface
Releases: TypeAlias = Mapping[tuple[str, str], tuple[Release, ...]]
"""By resource and table."""


def owed_releases(accepted: HostState, offered: HostState) -> frozenset[Release]:
    """What is to be given back once ``offered`` takes the place of ``accepted``."""
    return (accepted.released | _named(accepted)) - _named(offered)


def still_released(desired: HostState, observed: ObservedState) -> frozenset[Release]:
    """Of what is to be given back, what is still on the host."""
    if not desired.released:
        return frozenset()
    released = by_row(desired.released)
    return frozenset(
        release
        for resource, table, row in _rows(desired, observed)
        for release in released.get((resource, table), ())
        if _holds(row, release)
    )


def by_row(released: Iterable[Release]) -> Releases:
    grouped: dict[tuple[str, str], list[Release]] = defaultdict(list)
    for release in sorted(released):
        grouped[release.resource, release.table].append(release)
    return {place: tuple(found) for place, found in grouped.items()}


def amend(table: str, row: Row, wanted: Settings, released: Collection[Release]) -> Amendment:
    """What is to change of ``row``: only what is wanted of it, and what is given back."""
    if wanted is NO_SETTINGS and not released:
        return NO_AMENDMENT
    columns = {
        name: atoms
        for name, atoms in wanted.columns.items()
        if row.settings.columns.get(name, SETTABLE[table][name].default) != atoms
    }
    keys = {
        name: changed
        for name, values in wanted.maps.items()
        if (changed := _changed(row.settings.maps.get(name, {}), values))
    }
    without: dict[str, set[str]] = defaultdict(set)
    for release in released:
        if not _holds(row, release):
            continue
        if release.key:
            without[release.column].add(release.key)
        else:
            columns[release.column] = SETTABLE[table][release.column].default
    return Amendment(columns, keys, {name: frozenset(gone) for name, gone in without.items()})


def _changed(row: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in wanted.items() if row.get(key) != value}


def _holds(row: Row, release: Release) -> bool:
    return (
        release.key in _map(row, release.column)
        if release.key
        else (release.column in row.settings.columns)
    )


def _map(row: Row, column: str) -> Mapping[str, str]:
    if column == "external_ids":
        return row.external_ids
    return row.settings.maps.get(column, {})


def _rows(desired: HostState, observed: ObservedState) -> Iterator[tuple[str, str, Row]]:
    """Resource, table and row of all that settings can be about."""
    owner = desired.fleet_uid
    far_ends = {(port.id, port.patch.interface) for port in desired.ports if port.patch}
    for bridge in observed.bridges.values():
        yield owned_id(bridge.external_ids, owner), "Bridge", bridge
        for port in bridge.ports:
            resource = owned_id(port.external_ids, owner)
            if resource and (resource, port.name) not in far_ends:
                yield resource, "Port", port
                yield from ((resource, "Interface", each) for each in port.interfaces)


# --- what a state sets ---------------------------------------------------------------------------


def _named(state: HostState) -> frozenset[Release]:
    return frozenset(_all_named(state))


def _all_named(state: HostState) -> Iterator[Release]:
    for bridge in state.bridges:
        yield from _settings_named(bridge.id, "Bridge", bridge.settings)
    for port in state.ports:
        yield from _settings_named(port.id, "Port", port.settings)
        yield from _settings_named(port.id, "Interface", port.interface_settings)


def _settings_named(resource: str, table: str, settings: Settings) -> Iterator[Release]:
    known = SETTABLE[table]
    for column in settings.columns.keys() - ALWAYS_SET.keys():
        if column in known and known[column] is not ColumnType.MAP:
            yield Release(resource, table, column)
    for column, keys in settings.maps.items():
        if known.get(column) is ColumnType.MAP:
            yield from (
                Release(resource, table, column, key)
                for key in keys
                if not key.startswith(MARK_PREFIX)
            )
