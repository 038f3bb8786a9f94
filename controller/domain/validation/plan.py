"""``plan_change``: from a request and the world it touches to a change that breaks no rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from controller.domain.intent import Manifest, Mode, Object, Ref, Removal
from controller.domain.validation.after import After
from controller.domain.validation.backends import check_backends
from controller.domain.validation.bridges import check_bridges
from controller.domain.validation.clashes import check_clashes
from controller.domain.validation.completion import complete
from controller.domain.validation.departing import check_departing
from controller.domain.validation.faults import Faults
from controller.domain.validation.flooding import check_flooding
from controller.domain.validation.flow_exports import check_flow_exports
from controller.domain.validation.group_bridges import check_group_bridges
from controller.domain.validation.groups import check_groups
from controller.domain.validation.host_states import check_host_states
from controller.domain.validation.linux_bridges import check_linux_bridges
from controller.domain.validation.meshes import check_meshes
from controller.domain.validation.monitoring import check_mirrors
from controller.domain.validation.patches import check_patches
from controller.domain.validation.pools import check_pools
from controller.domain.validation.profiles import check_profiles
from controller.domain.validation.qos import check_qos
from controller.domain.validation.relations import check_relations
from controller.domain.validation.shape import SPEC_TYPES, check_shape, normalise
from controller.domain.validation.subnets import check_subnets
from controller.domain.validation.topology import check_topologies
from controller.domain.validation.tunnels import check_tunnels
from controller.domain.validation.world import Draft, Planned, World
from controller.domain.validation.zones import check_zones


def plan_change(
    world: World, manifests: Sequence[Manifest], removals: Sequence[Removal]
) -> Planned:
    """Plan one atomic change.

    Raises InvalidError, ConflictError, NotFoundError or StaleError, whose ``violations`` name all
    faults; a mixture of them is an InvalidError.
    """
    faults = Faults()
    accepted = _accept_manifests(world, manifests, faults)
    removed, missing = _accept_removals(world, removals, accepted, faults)
    drafts = complete(world, accepted, faults)
    for draft in drafts.values():
        check_shape(draft, world, faults)
    after = After(world, drafts, removed)
    check_relations(after, faults)
    check_backends(after, faults)
    check_bridges(after, faults)
    check_patches(after, faults)
    check_linux_bridges(after, faults)
    check_pools(after, faults)
    check_zones(after, faults)
    check_groups(after, faults)
    check_host_states(after, faults)
    check_profiles(after, faults)
    check_topologies(after, faults)
    check_subnets(after, faults)
    check_tunnels(after, faults)
    check_flooding(after, faults)
    check_departing(after, faults)
    check_clashes(after, faults)
    check_group_bridges(after, faults)
    check_qos(after, faults)
    check_mirrors(after, faults)
    check_flow_exports(after, faults)
    check_meshes(after, faults)
    faults.raise_any()
    planned = _sort_out(world, drafts, removed, missing)
    return replace(planned, warnings=tuple(faults.warnings))


def _accept_manifests(
    world: World, manifests: Sequence[Manifest], faults: Faults
) -> dict[Ref, Draft]:
    drafts: dict[Ref, Draft] = {}
    for manifest in manifests:
        if manifest.ref in drafts:
            _refuse_twice(manifest.ref, manifest.pointer, faults)
        elif not isinstance(manifest.spec, SPEC_TYPES[manifest.ref.kind]):
            faults.invalid(
                f"{manifest.pointer}/kind",
                "kind_mismatch",
                f"the spec is not that of a {manifest.ref.kind}",
                "make kind and spec agree",
            )
        elif manifest.mode is Mode.CREATE and manifest.ref in world.objects:
            # It is to be another object than the one of that name, and is not judged as that.
            _refuse_taken(manifest, faults)
        else:
            drafts[manifest.ref] = _draft(world, manifest, faults)
    return drafts


def _refuse_taken(manifest: Manifest, faults: Faults) -> None:
    faults.conflict(
        f"{manifest.pointer}/metadata/name",
        "already_exists",
        f"there is a {manifest.ref.kind} {manifest.ref.name!r} already",
        "choose another name, or replace the one that exists",
    )


def _refuse_twice(ref: Ref, pointer: str, faults: Faults) -> None:
    faults.invalid(
        pointer,
        "duplicate_object",
        f"{ref.kind} {ref.name!r} is named twice in one request",
        "name each object once",
    )


def _draft(world: World, manifest: Manifest, faults: Faults) -> Draft:
    current = world.objects.get(manifest.ref)
    if manifest.mode is Mode.REPLACE and current is None:
        _refuse_missing(manifest.ref, manifest.pointer, faults)
    _check_expected(current, manifest.expected_revision, manifest.pointer, faults)
    return Draft(
        manifest.ref,
        normalise(manifest.spec),
        manifest.labels,
        manifest.pointer,
        current,
        settles_vteps=manifest.settles_vteps,
        removes_host=manifest.removes_host,
    )


def _refuse_missing(ref: Ref, pointer: str, faults: Faults) -> None:
    faults.not_found(pointer, f"there is no {ref.kind} {ref.name!r}", "create it first")


def _check_expected(
    current: Object | None, expected: int | None, pointer: str, faults: Faults
) -> None:
    if current is not None and expected is not None and current.revision != expected:
        faults.stale(
            pointer,
            f"{current.kind} {current.name!r} is at revision {current.revision}, not {expected}",
            "read it again and make your change to what it is now",
        )


def _accept_removals(
    world: World, removals: Sequence[Removal], drafts: dict[Ref, Draft], faults: Faults
) -> tuple[dict[Ref, Removal], tuple[Ref, ...]]:
    removed: dict[Ref, Removal] = {}
    missing: dict[Ref, None] = {}
    for removal in removals:
        current = world.objects.get(removal.ref)
        if removal.ref in drafts or removal.ref in removed or removal.ref in missing:
            _refuse_twice(removal.ref, removal.pointer, faults)
        elif current is not None:
            _check_expected(current, removal.expected_revision, removal.pointer, faults)
            removed[removal.ref] = removal
        elif removal.missing_ok:
            missing[removal.ref] = None
        else:
            _refuse_missing(removal.ref, removal.pointer, faults)
    return removed, tuple(missing)


def _sort_out(
    world: World, drafts: dict[Ref, Draft], removed: dict[Ref, Removal], missing: tuple[Ref, ...]
) -> Planned:
    creates, updates, unchanged = [], [], []
    for draft in drafts.values():
        if draft.current is None:
            creates.append(draft)
        elif _same(draft, draft.current):
            unchanged.append(draft.current)
        else:
            updates.append(draft)
    return Planned(
        creates=tuple(creates),
        updates=tuple(updates),
        deletes=tuple(world.objects[ref] for ref in removed),
        unchanged=tuple(unchanged),
        missing=missing,
    )


def _same(draft: Draft, current: Object) -> bool:
    return draft.spec == current.spec and dict(draft.labels) == dict(current.labels)
