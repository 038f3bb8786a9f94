"""What intent says of the columns of a row, as far as this host's database can hold it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.columns import ALWAYS_SET, NO_SETTINGS, SETTABLE, Atom, ColumnType, Settings
from agent.errors import ErrorKind, Failure
from agent.observed import ObservedState

MARK_PREFIX = "ovsfleet-"
"""Keys of external_ids that begin so are the agent's own."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of one row; ``settings`` without external_ids, which its picture has a field for."""

    external_ids: Mapping[str, str]
    settings: Settings
    always: Mapping[str, tuple[Atom, ...]]
    """What intent says of columns that are set either way."""
    failures: tuple[Failure, ...] = ()

    def says(self, column: str) -> bool:
        """Whether intent sets a boolean column that is set either way."""
        return self.always.get(column) == (True,)


_NOTHING = Wanted({}, NO_SETTINGS, {})


def wanted_columns(
    resource: str, table: str, settings: Settings, observed: ObservedState
) -> Wanted:
    """What cannot be is left out and told, so that the rest of the row can be."""
    if settings == NO_SETTINGS:
        return _NOTHING
    known = {name: SETTABLE[table][name] for name in observed.columns.get(table, ())}
    columns = {
        name: known[name].normal(atoms)
        for name, atoms in settings.columns.items()
        if name in known and known[name].accepts(atoms)
    }
    maps = {
        name: {key: value for key, value in keys.items() if not key.startswith(MARK_PREFIX)}
        for name, keys in settings.maps.items()
        if known.get(name) is ColumnType.MAP
    }
    return Wanted(
        external_ids=maps.pop("external_ids", {}),
        settings=Settings(columns, maps),
        always={name: settings.columns[name] for name in ALWAYS_SET.keys() & settings.columns},
        failures=tuple(_failures(resource, table, settings, known)),
    )


def _failures(
    resource: str, table: str, settings: Settings, known: Mapping[str, ColumnType]
) -> Iterator[Failure]:
    for column in sorted({*settings.columns, *settings.maps} - ALWAYS_SET.keys()):
        kind = known.get(column)
        if kind is None:
            yield _unsupported(resource, table, column)
        elif (column in settings.maps) != (kind is ColumnType.MAP) or (
            column in settings.columns and not kind.accepts(settings.columns[column])
        ):
            yield _refused(resource, f"column {column} of table {table} holds {kind.value}")
    for key in sorted(settings.maps.get("external_ids", {})):
        if key.startswith(MARK_PREFIX):
            yield _refused(resource, f"external_ids:{key} is the agent's own")


def _unsupported(resource: str, table: str, column: str) -> Failure:
    message = (
        f"column {column} of table {table} is not in this host's database, or this agent does not "
        "know it; everything else is set. Upgrade Open vSwitch or the agent, or leave it out"
    )
    return Failure(resource, ErrorKind.UNSUPPORTED, "ColumnUnsupported", message)


def _refused(resource: str, cause: str) -> Failure:
    message = f"{cause}, so that what intent says of it is left out; correct the intent"
    return Failure(resource, ErrorKind.INVALID, "ValueRefused", message)
