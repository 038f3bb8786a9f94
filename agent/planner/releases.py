"""What intent set on rows once and does not set any more: it goes back to Open vSwitch.

The third of the three ways: beside what is wanted and what is there, what was wanted before. The
agent keeps it with its accepted state until no row holds it any more, be that its own doing or not;
a row that is gone has given everything back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeAlias

from agent.columns import NO_SETTINGS, SETTABLE, Atom, ColumnType, Release, Settings
from agent.model import HostState
from agent.observed import ObservedState, OvsBridge, OvsInterface, OvsPort
from agent.planner.carriage import EVERY_ROW, tunnel_releases
from agent.planner.link_releases import link_releases, on_links, still_held
from agent.planner.marks import still_marked
from agent.planner.ops import NO_AMENDMENT, Amendment
from agent.planner.ownership import owned_id, segment_of
from agent.planner.settings import MARK_PREFIX

Row: TypeAlias = OvsBridge | OvsPort | OvsInterface
Releases: TypeAlias = Mapping[tuple[str, str, str], tuple[Release, ...]]
"""By resource, table and name of the row."""


def owed_releases(accepted: HostState, offered: HostState) -> frozenset[Release]:
    """What is to be given back once ``offered`` takes the place of ``accepted``."""
    return (accepted.released | _named(accepted)) - _named(offered)


def still_released(desired: HostState, observed: ObservedState) -> frozenset[Release]:
    """Of what is to be given back, what is still on the host, or may be as far as is seen."""
    if not desired.released:
        return desired.released
    of_links = on_links(desired.released)
    of_rows = desired.released - of_links
    held = frozenset(still_held(of_links, desired, observed))
    held |= still_marked(of_rows, observed, desired.fleet_uid)
    return held | (_still_on_rows(desired, observed, of_rows) if observed.has_ovs else of_rows)


def _still_on_rows(
    desired: HostState, observed: ObservedState, released: Collection[Release]
) -> frozenset[Release]:
    by_place = by_row(released)
    return frozenset(
        release
        for resource, table, row in _rows(desired, observed)
        for place in ((resource, table, row.name), (segment_of(resource), table, EVERY_ROW))
        for release in by_place.get(place, ())
        if _holds(row, release)
    )


def by_row(released: Iterable[Release]) -> Releases:
    grouped: dict[tuple[str, str, str], list[Release]] = defaultdict(list)
    for release in sorted(released):
        grouped[release.resource, release.table, release.row].append(release)
    return {place: tuple(found) for place, found in grouped.items()}


def amend(table: str, row: Row, wish: Row, released: Collection[Release]) -> Amendment:
    """What is to change of ``row``: only what is wanted of it, and what is given back."""
    wanted = wish.settings
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
        if (changed := changed_keys(row.settings.maps.get(name, {}), values))
    }
    without: dict[str, set[str]] = defaultdict(set)
    for release in released:
        is_wanted = _read(wish, release) is not None
        if release.column not in SETTABLE[table] or is_wanted or not _holds(row, release):
            continue
        if release.key is None:
            columns[release.column] = SETTABLE[table][release.column].default
        else:
            without[release.column].add(release.key)
    return Amendment(columns, keys, {name: frozenset(gone) for name, gone in without.items()})


def changed_keys(row: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in wanted.items() if row.get(key) != value}


def _holds(row: Row, release: Release) -> bool:
    return _read(row, release) == release.value


def _read(row: Row, release: Release) -> tuple[Atom, ...] | None:
    """What the row says of that column or key, if anything."""
    if release.key is None:
        return row.settings.columns.get(release.column)
    value = _map(row, release.column).get(release.key)
    return None if value is None else (value,)


def _map(row: Row, column: str) -> Mapping[str, str]:
    if column == "external_ids":
        return row.external_ids
    if column == "options" and isinstance(row, OvsInterface):
        return row.options
    return row.settings.maps.get(column, {})


def _rows(desired: HostState, observed: ObservedState) -> Iterator[tuple[str, str, Row]]:
    """Resource, table and row of all that settings can be about."""
    owner = desired.fleet_uid
    for bridge in observed.bridges.values():
        yield owned_id(bridge.external_ids, owner), "Bridge", bridge
        for port in bridge.ports:
            if resource := owned_id(port.external_ids, owner):
                yield resource, "Port", port
                yield from ((resource, "Interface", each) for each in port.interfaces)


# --- what a state sets ---------------------------------------------------------------------------


def _named(state: HostState) -> frozenset[Release]:
    return frozenset(_all_named(state))


def _all_named(state: HostState) -> Iterator[Release]:
    for bridge in state.bridges:
        yield from _settings_named(bridge.id, "Bridge", bridge.name, bridge.settings)
    for port in state.ports:
        yield from _settings_named(port.id, "Port", port.interface, port.settings)
        for name in port.members or (port.interface,):
            yield from _settings_named(port.id, "Interface", name, port.interface_settings)
    yield from tunnel_releases(state)
    yield from link_releases(state)


def _settings_named(resource: str, table: str, row: str, settings: Settings) -> Iterator[Release]:
    known = SETTABLE[table]
    for column in settings.columns.keys() & known.keys():
        atoms = settings.columns[column]
        if known[column].accepts(atoms):
            yield Release(resource, table, row, column, None, known[column].normal(atoms))
    for column, keys in settings.maps.items():
        if known.get(column) is ColumnType.MAP:
            yield from (
                Release(resource, table, row, column, key, (value,))
                for key, value in keys.items()
                if not key.startswith(MARK_PREFIX)
            )
