"""What the table of conformance is made of: specimens of intent, and what is to be seen of them.

A column is a sort of host. Each field is there by a specimen that shows it, or refused there by the
rules of intent, or for a reason of a closed list nothing that such a host has. Names no shape of
the API: importing those takes the guest of deploy/guest longer than all of its cells.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple, TypeAlias, get_args, get_type_hints

from controller.compiler.naming import object_of
from controller.domain.errors import DomainError
from controller.domain.intent import DEFAULT_PROJECT, Kind, Manifest, Ref
from controller.domain.validation import plan_change
from controller.domain.validation.binding import iface_ids
from controller.domain.validation.shape import SPEC_TYPES
from tests.support.conformance_system import System
from tests.support.model_fleet import ModelFleet, manifest, pointed

Field: TypeAlias = tuple[str, str]
"""A kind, and the path of a field in its spec."""
Values: TypeAlias = Mapping[str, Any]
"""What is said of an object, by path."""


class Shown(NamedTuple):
    read: Callable[[System], object]
    expected: object

    def and_also(self, other: Shown) -> Shown:
        """Both are to be seen."""
        return Shown(
            lambda system: (self.read(system), other.read(system)),
            (self.expected, other.expected),
        )


@dataclass(frozen=True)
class Specimen:
    kind: Kind
    name: str
    values: Values
    shows: Mapping[str, Shown] = field(default_factory=dict)
    """By path, which of its fields are looked at."""
    labels: Mapping[str, str] = field(default_factory=dict)
    carrier: tuple[Kind, str] | None = None
    """Whose failures are its own, where it is on hosts through another object."""

    def manifest(self) -> Manifest:
        spec = built(SPEC_TYPES[self.kind], self.values)
        return replace(manifest(self.kind, self.name, spec), labels=self.labels)


class Apart(enum.Enum):
    """Why a field is nothing that can be seen on a host of a sort, in the order of footnotes."""

    CONTROLLER = "The controller's own: it decides what may be intended, or when, and is not sent."
    AGENT = "How its agents act when others change it, or when a change cuts them off."
    NO_OVS = "Of hosts with Open vSwitch alone; others are passed by."


@dataclass(frozen=True)
class Column:
    title: str
    specimens: Sequence[Specimen]
    bases: Mapping[str, Sequence[Specimen]]
    """By kind or beginning of a path: what to try with a field that no specimen shows. The first
    is told the field, and all of them must be fine without it unless the kind itself is not."""
    apart: Mapping[Field, Apart]

    def fields(self) -> dict[Field, Shown]:
        return {
            (s.kind.value, path): shown for s in self.specimens for path, shown in s.shows.items()
        }


def built(group: type, values: Values) -> Any:
    """Make a spec or a group of it; what is no field of a spec is one of its settings."""
    hints, groups = get_type_hints(group), dict[str, dict[str, Any]]()
    names = {each.name for each in fields(group)}
    made: dict[str, Any] = {}
    for path, value in values.items():
        name, _, rest = path.partition(".")
        if name not in names:
            groups.setdefault("settings", {})[path] = value
        elif rest:
            groups.setdefault(name, {})[rest] = value
        else:
            made[name] = value
    inner = {name: _group_of(hints[name]) for name in groups}
    return group(**made, **{name: built(inner[name], told) for name, told in groups.items()})


def _group_of(hint: Any) -> type:
    found = [each for each in get_args(hint) or (hint,) if hasattr(each, "__dataclass_fields__")]
    return found[0]  # type: ignore[no-any-return]


# --- one column ----------------------------------------------------------------------------------


def fleet_of(column: Column) -> ModelFleet:
    fleet = ModelFleet()
    made = [each.manifest() for each in column.specimens]
    guests = [each for each in made if iface_ids([each.spec])]
    fleet.apply(*(each for each in made if each not in guests))
    fleet.apply(*guests)  # What is plugged is on hosts that are there.
    return fleet


def observed(
    column: Column, fleet: ModelFleet, system: System, failures: Mapping[str, str]
) -> dict[Field, str]:
    """The cells of the fields that specimens show, given what the agent reported."""
    reasons = {object_of(resource): reason for resource, reason in failures.items()}
    cells: dict[Field, str] = {}
    for specimen in column.specimens:
        kind, name = specimen.carrier or (specimen.kind, specimen.name)
        uid = fleet.objects[Ref(kind, DEFAULT_PROJECT, name)].uid
        for path, shown in specimen.shows.items():
            cells[specimen.kind.value, path] = _cell(shown, system, reasons.get(uid))
    return cells


def _cell(shown: Shown, system: System, reason: str | None) -> str:
    try:
        found: object = shown.read(system)
    except (KeyError, ValueError, IndexError) as error:
        found = error
    if found == shown.expected:
        return "realized"
    if reason is not None:
        return f"unsupported: {reason}"
    return f"SILENT: {found!r}, and not {shown.expected!r}"


def refused(column: Column, fleet: ModelFleet, samples: Mapping[Field, Values]) -> dict[Field, str]:
    """The cells of all other fields that are there, tried one by one."""
    known = column.fields().keys() | column.apart.keys()
    return {
        wanted: f"refused: {', '.join(_codes(column, fleet, wanted, told))}"
        for wanted, told in samples.items()
        if wanted not in known
    }


def _codes(column: Column, fleet: ModelFleet, wanted: Field, told: Values) -> list[str]:
    """Why the field is refused: the whole kind is, or the kind without the field is not."""
    kind, path = wanted
    first, *others = _base(column.bases, kind, path)
    as_told = replace(first, values={**first.values, **told})
    return _faults(fleet, [first, *others]) or _faults(fleet, [as_told, *others]) or ["NOT REFUSED"]


def _base(bases: Mapping[str, Sequence[Specimen]], kind: str, path: str) -> Sequence[Specimen]:
    group = f"{kind}.{path.partition('.')[0]}"
    return bases[group] if group in bases else bases[kind]


def _faults(fleet: ModelFleet, wanted: Sequence[Specimen]) -> list[str]:
    """The codes that a request is refused with; nothing is stored."""
    manifests = pointed([each.manifest() for each in wanted])
    try:
        plan_change(fleet.world(manifests, []), manifests, [])
    except DomainError as error:
        return sorted({each.code for each in error.violations})
    return []


def samples_of(columns: Iterable[Column]) -> dict[Field, Values]:
    """What to say of an object for each field that is shown anywhere."""
    return {
        (s.kind.value, path): {told: s.values[told] for told in _with(path, s.values)}
        for column in columns
        for s in column.specimens
        for path in s.shows
    }


_NEEDS = {
    "stp.forward_delay_s": "stp.max_age_s",
    "rstp.forward_delay_s": "rstp.max_age_s",
    "ingress_policing.burst_kb": "ingress_policing.rate_kbps",
    "ingress_policing.kpkts_burst": "ingress_policing.kpkts_rate",
    "bfd.decay_min_rx_ms": "bfd.min_rx_ms",
    "source_port_min": "source_port_max",
    "source_port_max": "source_port_min",
    "topology": "hubs",
}
"""What cannot be said alone, by the other field that it needs."""


def _with(path: str, values: Values) -> set[str]:
    """The path and what it needs; of what is in a list, the list."""
    found = {path, _NEEDS.get(path, path)}
    return {each if each in values else each.partition(".")[0] for each in found} & values.keys()
