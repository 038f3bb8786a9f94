"""Laws of where a bound port is, given where it was and where agents say that it is plugged."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.domain.errors import ConflictError, Violation
from controller.domain.intent import Kind, Manifest, PortSpec, PortType, Ref
from controller.domain.validation.binding import Plugged, Report, choose, counting
from controller.services.placing import place

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


names = st.lists(st.sampled_from([f"p{i}" for i in range(4)]), unique=True, min_size=1)


@given(names, st.data())
def test_a_port_is_on_every_host_that_lets_it_and_no_other_host_is_blamed(
    ports: list[str], data: st.DataObject
) -> None:
    """However many other ports of the same change are refused."""
    there = {name: tuple(data.draw(plugged)) for name in ports}
    bad = {name: data.draw(st.frozensets(_hosts)) for name in ports}
    asked: list[Plugged] = []

    def plan(wanted: Plugged) -> Plugged:
        asked.append(wanted)
        wrong = [i for i, name in enumerate(ports) if bad[name].intersection(wanted[name])]
        if wrong:
            raise ConflictError("no", [Violation(f"/{i}/spec/host", "no", "no", "") for i in wrong])
        return wanted

    manifests = [
        Manifest(
            Ref(Kind.PORT, "default", name),
            PortSpec(None, "", type=PortType.BOUND, segment="red", iface_id=name),
            pointer=f"/{i}",
        )
        for i, name in enumerate(ports)
    ]
    got, refusals = place(plan, None, manifests, {}, there)
    for name in ports:
        good = {*there[name]} - bad[name]
        assert {*got.get(name, ())} <= good
        assert len(got.get(name, ())) >= min(len(good), 2)
    assert all(each.host in bad[each.iface_id] for each in refusals)
    assert len(asked) <= 2 * len(NAMES) + 2


@given(st.lists(st.builds(Report, _hosts, st.booleans()), unique_by=lambda each: each.host))
def test_who_is_not_heard_counts_only_where_nobody_is(reports: list[Report]) -> None:
    found = counting({"vif": reports})["vif"]
    living = {each.host for each in reports if each.is_living}
    assert {*found} == (living or {each.host for each in reports})
    assert not {*found} & {*counting({"vif": reports}, gone=found)["vif"]}
