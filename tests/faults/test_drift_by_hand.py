"""Whatever somebody changes by hand of what intent sets is seen, mended and told, or told and left.

Each change is made with the tools of an operator, on a host with Open vSwitch and on one without,
in namespaces of the test's own; what the host is like is read with those tools as well.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

import pytest

from agent.drift_events import DriftAction, DriftEvent
from controller.domain.safety import DriftPolicy
from tests.support.conformance_site import restart
from tests.support.conformance_system import tables_of
from tests.support.fault_results import write_result
from tests.support.hand_devices import linux_device_deeds, ovs_device_deeds
from tests.support.hand_picture import picture
from tests.support.hand_rounds import Answer, in_lives, leave, mend
from tests.support.hand_rows import Deed, column_deeds
from tests.support.hand_site import Site, hand_site
from tests.support.hand_wholes import whole_deeds

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

SAMPLE = 10


@pytest.fixture(scope="module")
def ovs_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with hand_site(tmp_path_factory.mktemp("ovs"), ovs=True) as made:
        yield made


@pytest.fixture(scope="module")
def linux_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with hand_site(tmp_path_factory.mktemp("linux"), ovs=False) as made:
        yield made


def ovs_deeds(site: Site) -> list[Deed]:
    assert site.host.ovs is not None
    tables = tables_of(site.host.ovs)
    return [*column_deeds(tables), *whole_deeds(tables), *ovs_device_deeds(site.host)]


def linux_deeds(site: Site) -> list[Deed]:
    return [*linux_device_deeds(site.host)]


def test_what_is_changed_by_hand_on_a_host_with_open_vswitch_is_mended_and_told(
    ovs_site: Site,
) -> None:
    answers = _mended(ovs_site, ovs_deeds(ovs_site))
    _write("drift_by_hand_with_open_vswitch", answers)
    assert len({each.deed.words for each in answers}) >= 100


def test_what_is_changed_by_hand_on_a_host_without_open_vswitch_is_mended_and_told(
    linux_site: Site,
) -> None:
    answers = _mended(linux_site, linux_deeds(linux_site))
    _write("drift_by_hand_without_open_vswitch", answers)
    assert len({each.deed.words for each in answers}) >= 50


def _mended(site: Site, deeds: Sequence[Deed]) -> list[Answer]:
    before = picture(site.host, site.macs)
    answers = [each for life in in_lives(deeds) for each in mend(site.host, life, site.macs)]
    faults = [each.fault for each in answers if each.fault]
    assert faults == [], "\n".join(faults)
    assert restart(site.host) == (0, 0)
    assert picture(site.host, site.macs) == before
    return answers


def _write(name: str, answers: Sequence[Answer]) -> None:
    told = sorted(each.told_s for each in answers if each.told_s is not None)
    mended = sorted(each.mended_s for each in answers if each.mended_s is not None)
    figures: dict[str, float] = {"changes": len(answers), "told": len(told)}
    for what, times in (("told", told), ("mended", mended)):
        figures |= {f"{what}_p50_s": statistics.median(times), f"{what}_max_s": times[-1]}
    write_result(name, figures)


@pytest.mark.parametrize("kind", ["ovs_site", "linux_site"])
def test_what_is_changed_by_hand_and_only_to_be_reported_is_told_and_left(
    kind: str, request: pytest.FixtureRequest
) -> None:
    site: Site = request.getfixturevalue(kind)
    before = picture(site.host, site.macs)
    site.obey(DriftPolicy.REPORT)
    deeds = ovs_deeds(site) if site.host.ovs else linux_deeds(site)
    (sample, *_) = in_lives((e for e in deeds if e.is_told and not _is_remade(e)), most=1)
    sample = sample[:: max(1, len(sample) // SAMPLE)][:SAMPLE]
    after, events = leave(site.host, sample, site.macs)
    assert {each.resource for each in sample} <= {event.resource for event in events}
    assert all(_is_left(event) for event in events)
    assert after != before
    site.obey(DriftPolicy.ENFORCE)
    assert picture(site.host, site.macs) == before
    assert len(sample) == SAMPLE


def _is_remade(deed: Deed) -> bool:
    """Whole devices bring others down with them, and a veth also goes with a container."""
    return "deleted" in deed.words and "entry" not in deed.words


def _is_left(event: DriftEvent) -> bool:
    return event.action is DriftAction.REPORTED and bool(event.differences)
