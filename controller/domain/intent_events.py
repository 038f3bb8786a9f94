"""What a change of intent is told as: one event for each kind, project and action, and more that
say the same where it has to be found by more names. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import NamedTuple

from controller.domain.events import CONTINUED, NAMED, EventType, Happening, Severity
from controller.domain.intent import HostSpec, Kind, Ref, Spec
from controller.domain.status import listing
from controller.domain.validation import Draft, Planned, references

_REASONS = {
    EventType.CREATED: "Created",
    EventType.UPDATED: "Updated",
    EventType.DELETED: "Deleted",
}
_NOTED = frozenset({"former_vteps", "vtep_steps"})
"""Fields in which the controller notes something for itself."""


class _Told(NamedTuple):
    ref: Ref
    spec: Spec
    draft: Draft | None


def of_intent(planned: Planned, revision: int, principal: str) -> Iterator[Happening]:
    """In no certain order."""
    groups: defaultdict[tuple[EventType, Kind, str, str], list[_Told]] = defaultdict(list)
    for told, action in _all(planned):
        state = _state(told.spec) if action is EventType.STATE_CHANGED else ""
        groups[action, told.ref.kind, told.ref.project, state].append(told)
    for (action, kind, project, _), group in groups.items():
        message = _message(action, kind, group)
        for start in range(0, len(group), NAMED):
            some = group[start : start + NAMED]
            yield Happening(
                type=action,
                severity=Severity.INFO,
                reason=CONTINUED if start else _reason(action, group[0]),
                message=message,
                kind=kind,
                project=project,
                names=tuple(each.ref.name for each in some),
                hosts=_hosts(some),
                principal=principal,
                revision=revision,
                count=len(group),
            )


def _all(planned: Planned) -> Iterator[tuple[_Told, EventType]]:
    for draft in planned.creates:
        yield _Told(draft.ref, draft.spec, draft), EventType.CREATED
    for draft in planned.updates:
        is_state = _state_before(draft) is not None
        action = EventType.STATE_CHANGED if is_state else EventType.UPDATED
        yield _Told(draft.ref, draft.spec, draft), action
    for gone in planned.deletes:
        yield _Told(gone.ref, gone.spec, None), EventType.DELETED


def _state_before(draft: Draft | None) -> str | None:
    """Of a host that gets into another state."""
    if draft is None or draft.current is None:
        return None
    was, is_now = draft.current.spec, draft.spec
    if not isinstance(was, HostSpec) or not isinstance(is_now, HostSpec):
        return None
    return was.state.value if was.state is not is_now.state else None


def _reason(action: EventType, first: _Told) -> str:
    if isinstance(first.spec, HostSpec) and action is EventType.STATE_CHANGED:
        return first.spec.state.value.capitalize()
    return _REASONS[action]


def _hosts(group: Sequence[_Told]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for ref, spec, _ in group:
        if ref.kind is Kind.HOST:
            found[ref.name] = None
        found |= {r.name: None for r in references(ref, spec) if r.kind is Kind.HOST}
    return tuple(found)


def _message(action: EventType, kind: Kind, group: Sequence[_Told]) -> str:
    names = listing([each.ref.name for each in group])
    is_one = len(group) == 1
    what = "it" if is_one else f"{len(group)} {_many(kind)}"
    which = "" if is_one else f": {names}"
    match action:
        case EventType.STATE_CHANGED:
            state = _state(group[0].spec)
            return f"{what} {'is' if is_one else 'are'} {state} now{which}"
        case EventType.UPDATED if is_one and (changed := _changed(group[0].draft)):
            return f"changed {', '.join(changed)}"
        case _:
            was = "was" if is_one else "were"
            return f"{what} {was} {action.value.partition('.')[2]}{which}"


def _state(spec: Spec) -> str:
    return spec.state.value if isinstance(spec, HostSpec) else ""


def _many(kind: Kind) -> str:
    return f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"


def _changed(draft: Draft | None) -> list[str]:
    """Names of fields that are others than before."""
    if draft is None or draft.current is None:
        return []
    labels = ["labels"] if dict(draft.labels) != dict(draft.current.labels) else []
    return [*_differing(draft.current.spec, draft.spec), *labels]


def _differing(before: object, after: object) -> Iterator[str]:
    if not is_dataclass(before) or type(before) is not type(after):
        return
    for field in fields(before):
        was, is_now = getattr(before, field.name), getattr(after, field.name)
        if was == is_now or field.name in _NOTED:
            continue
        if field.name == "settings":
            yield from _differing(was, is_now)
        else:
            yield field.name
