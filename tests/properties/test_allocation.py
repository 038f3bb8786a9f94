"""Laws of pools: no value twice, none that is taken, and all of them before there are no more."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from controller.domain.allocation import Range, choose_values, contains, without
from controller.domain.definitions import PoolSpec, PoolType
from controller.domain.errors import DomainError
from controller.domain.intent import Kind, Manifest, SegmentSpec
from tests.support.model_fleet import ModelFleet, manifest, segment

_ends = st.integers(1, 60)
_ranges = st.lists(
    st.tuples(_ends, _ends).map(lambda pair: Range(0, min(pair), max(pair))), max_size=5
)


def _values(ranges: tuple[Range, ...] | list[Range]) -> set[int]:
    return {value for each in ranges for value in range(each.first, each.last + 1)}


@given(_ranges, _ranges)
def test_what_is_left_of_ranges_is_what_only_they_have(
    ranges: list[Range], others: list[Range]
) -> None:
    left = without(ranges, others)
    assert _values(left) == _values(ranges) - _values(others)
    assert not any(contains(others, 0, each.first) for each in left)


@given(_ranges, st.sets(_ends), st.integers(0, 70))
def test_the_smallest_free_values_are_chosen(
    ranges: list[Range], taken: set[int], count: int
) -> None:
    apart = without([Range(0, 1, 60)], without([Range(0, 1, 60)], ranges))
    assert choose_values(taken, count, apart) == tuple(sorted(_values(ranges) - taken))[:count]


_steps = st.lists(
    st.one_of(
        st.builds(segment, st.sampled_from("abcdef"), vni_pool=st.sampled_from(["p", "q", None])),
        st.builds(segment, st.sampled_from("abcdef"), vni=st.integers(1, 12)),
        st.builds(
            lambda name, first, size: manifest(
                Kind.POOL, name, PoolSpec(PoolType.VNI, (f"{first}-{first + size}",))
            ),
            st.sampled_from("pq"),
            st.integers(1, 9),
            st.integers(0, 3),
        ),
    ),
    max_size=12,
)


@given(_steps)
def test_segments_never_share_a_vni_and_a_pool_gives_out_its_own(steps: list[Manifest]) -> None:
    fleet = ModelFleet()
    for step in steps:
        pools = {o.name: o.spec for o in fleet.of_kind(Kind.POOL)}
        try:
            planned = fleet.apply(step)
        except DomainError as error:
            full = [v for v in error.violations if v.code == "vni_pool_exhausted"]
            assert all("Pool '" in violation.detail for violation in full)
            continue
        for draft in planned.creates:
            asked = step.spec
            if isinstance(draft.spec, SegmentSpec) and isinstance(asked, SegmentSpec):
                _check_given(draft.spec, asked, pools)
    numbers = [o.spec.vni for o in fleet.of_kind(Kind.SEGMENT) if isinstance(o.spec, SegmentSpec)]
    assert len(numbers) == len(set(numbers))


def _check_given(given_to: SegmentSpec, asked: SegmentSpec, pools: Mapping[str, object]) -> None:
    if asked.vni is not None or given_to.vni is None:
        return
    within = {name for name, spec in pools.items() if given_to.vni in _values(_read(spec))}
    assert within == ({asked.vni_pool} if asked.vni_pool else set())


def _read(spec: object) -> list[Range]:
    assert isinstance(spec, PoolSpec)
    first, _, last = spec.ranges[0].partition("-")
    return [Range(0, int(first), int(last))]
