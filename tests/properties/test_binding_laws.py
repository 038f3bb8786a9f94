"""Laws of where a bound port is, given where it was and where agents say that it is plugged."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.domain.validation.binding import choose

NAMES = ("h1", "h2", "h3", "h4")

_hosts = st.sampled_from(NAMES)
before = st.tuples(st.none() | _hosts, st.none() | _hosts).filter(
    lambda pair: pair[0] is None or pair[0] != pair[1]
)
"""Also what never comes about by itself: a second host without a first."""
plugged = st.lists(_hosts, unique=True)


@given(before, plugged)
def test_whatever_was_chosen_stays_while_it_is_plugged(
    was: tuple[str | None, str | None], there: list[str]
) -> None:
    host, second = choose(was, there)
    if was[0] in there:
        assert host == was[0]
    elif was[1] in there:
        assert host == was[1]
    if was[0] in there and was[1] in there:
        assert (host, second) == was


@given(before, plugged)
def test_a_port_is_on_as_many_hosts_as_it_is_plugged_on_but_no_more_than_two(
    was: tuple[str | None, str | None], there: list[str]
) -> None:
    found = [name for name in choose(was, there) if name is not None]
    assert {*found} <= {*there}
    assert len({*found}) == len(found) == min(len(there), 2)
    assert there == [] or choose(was, there)[0] is not None


@given(before, plugged, st.data())
def test_the_order_of_reports_says_nothing(
    was: tuple[str | None, str | None], there: list[str], data: st.DataObject
) -> None:
    chosen = choose(was, there)
    assert choose(was, data.draw(st.permutations(there))) == chosen
    assert choose(was, frozenset(there)) == chosen
    assert choose(was, there * 2) == chosen


@given(before, plugged)
def test_to_choose_again_changes_nothing(
    was: tuple[str | None, str | None], there: list[str]
) -> None:
    chosen = choose(was, there)
    assert choose(chosen, there) == chosen


@given(_hosts, _hosts, st.lists(_hosts, unique=True))
def test_a_surplus_of_reports_moves_nothing(first: str, second: str, more: list[str]) -> None:
    was = choose((None, None), {first, second})
    assert choose(was, {first, second, *more})[0] == was[0]
    if first != second:
        assert choose(was, {first, second, *more}) == was
