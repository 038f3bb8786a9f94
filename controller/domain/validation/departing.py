"""What is deleted or changed forwards as before until its hosts have applied that.

A host takes an old tunnel away in the transaction in which it makes a new one, so that the two are
never there together where they share a host. Elsewhere they can be, for as long as one host lags
behind another, and close a circle that intent never had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from controller.domain.intent import PortSpec, Ref, Spec, TunnelSpec
from controller.domain.validation.after import After
from controller.domain.validation.faults import Faults
from controller.domain.validation.flooding import (
    Forest,
    Node,
    edges_of,
    joins_anew,
    link_of,
    links_of,
    tell,
    vlans_of,
    where_joined,
)
from controller.domain.validation.topology import way_out
from controller.domain.validation.world import Departing, Draft


def check_departing(after: After, faults: Faults) -> None:
    """Refuse new tunnels and patches that would close a circle together with deleted ones."""
    new = {ref: draft for ref, draft in after.drafts.items() if joins_anew(draft)}
    departing = _labelled(_departing(after), after) if new else {}
    if not departing:
        return
    forest = Forest()
    present = [(entry.ref, entry.spec) for entry in after.joining()]
    links = links_of([*present, *((ref, each.spec) for ref, each in departing.items())])
    vlans = vlans_of(end for _, link in links for end in link)
    for ref, link in links:
        for edge in edges_of(link, vlans):
            circle = forest.lay(edge, ref)
            if circle and ref in departing and _can_be_whole(circle, new, departing):
                _refuse(circle, new, departing, faults)


def _departing(after: After) -> Iterator[Departing]:
    """Yield what was deleted or changed before, and what the request deletes or changes."""
    for each in after.world.departing:
        entry = after.entries.get(each.ref)
        if entry is None or link_of(entry.ref, entry.spec) != link_of(each.ref, each.spec):
            yield each
    for ref in after.removals:
        yield Departing(ref, after.world.objects[ref].spec)
    for ref, draft in after.drafts.items():
        if draft.current is not None and joins_anew(draft):
            yield Departing(ref, draft.current.spec)


def _labelled(departing: Iterable[Departing], after: After) -> dict[Ref, Departing]:
    """Tell them apart from what has their names now, by words that no name has."""
    found: dict[Ref, Departing] = {}
    for each in departing:
        word = "before" if each.ref in after.entries else "deleted"
        label = replace(each.ref, name=f"{each.ref.name} ({word})")
        while label in found:
            label = replace(label, name=f"{label.name}'")
        found[label] = each
    return found


def _can_be_whole(
    circle: list[Node | Ref], new: dict[Ref, Draft], departing: dict[Ref, Departing]
) -> bool:
    """Tell whether all of a circle can be there at one time, and some of it is new."""
    made = [new[step] for step in circle if isinstance(step, Ref) and step in new]
    left = [departing[step] for step in circle if isinstance(step, Ref) and step in departing]
    replaced = any(
        not each.is_stuck and _hosts(each.spec) & _hosts(draft.spec)
        for each in left
        for draft in made
    )
    return bool(made) and not replaced


def _hosts(spec: Spec) -> frozenset[str]:
    match spec:
        case TunnelSpec(ends=ends):
            return frozenset(end.host for end in ends if end.host is not None)
        case PortSpec(hosts=hosts):
            return frozenset(hosts)
        case _:
            return frozenset()


def _refuse(
    circle: list[Node | Ref], new: dict[Ref, Draft], departing: dict[Ref, Departing], faults: Faults
) -> None:
    made = [step for step in circle if isinstance(step, Ref) and step in new]
    hosts = sorted(
        {
            host
            for step in circle
            if isinstance(step, Ref) and step in departing
            for host in _hosts(departing[step].spec)
        }
    )
    draft = new[made[0]]
    faults.conflict(
        f"{draft.pointer}/spec/{where_joined(draft.ref)}",
        "flooding_loop_pending",
        f"{draft.ref.kind} {draft.ref.name!r} closes a circle with what may still be there as it"
        f" was: {tell(circle)}",
        f"delete or change first, and create when {', '.join(hosts)} have applied that;"
        f" {way_out(hosts)}",
    )
