"""Links to the controller that carry one direction only, or come and go each second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from deploy.lab.probes import flow
from deploy.lab.shell import in_netns, run, wait_until
from tests.support.fault_foreign import dump, owned_names
from tests.support.fault_history import Writer, read_back
from tests.support.fault_results import write_result
from tests.support.fault_rounds import base_history
from tests.support.fault_site import FLOW_FROM, FLOW_TO, FaultSite, choose

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

_HOST = "h2"
_STALE_WITHIN_S = 15.0
_CONVERGED_WITHIN_S = 10.0


@contextmanager
def _one_way(site: FaultSite, direction: str) -> Iterator[None]:
    """Drops what goes ``out`` of the host towards the controller, or what comes ``in``."""
    hook, match = ("output", "oifname") if direction == "out" else ("input", "iifname")
    chain = f"chain cut {{ type filter hook {hook} priority 0; {match} mgmt0 drop; }};"
    netns = site.lab.host(_HOST).netns
    in_netns(netns, "nft", f"table inet partition {{ {chain} }}")
    try:
        yield
    finally:
        in_netns(netns, "nft", "delete table inet partition")


def _rows(site: FaultSite) -> list[str]:
    return owned_names(dump(site.lab.switches[_HOST]))


def _phase(site: FaultSite) -> str:
    return str(site.fleet.hosts.get(_HOST)["status"]["phase"])


def _converge(site: FaultSite, mended: float) -> float:
    _, missing = site.wait_settled(30)
    took = time.monotonic() - mended
    assert not missing, missing
    assert took <= _CONVERGED_WITHIN_S
    assert site.foreign_changes() == []
    return round(took, 3)


def _new_peer() -> Any:
    """Gives every member of the segment one tunnel more."""
    return {
        "kind": "Segment",
        "metadata": {"name": "churn-1"},
        "spec": {"external_vteps": ["198.51.100.99"]},
    }


@pytest.mark.parametrize("direction", ["out", "in"])
def test_a_host_that_is_heard_in_one_direction_only_is_told_stale_and_converges_after(
    site: FaultSite, direction: str
) -> None:
    before = _rows(site)
    with flow(FLOW_FROM, FLOW_TO) as running:
        with _one_way(site, direction):
            cut = time.monotonic()
            site.fleet.apply([_new_peer()])
            shows = ("Unknown",) if direction == "out" else ("Unknown", "Pending")
            wait_until("the host not to be Ready", lambda: _phase(site) in shows, 30, 0.1)
            stale = time.monotonic() - cut
            # What reached the host before its answers were lost is intent, too.
            grown = [*before, *(set(_rows(site)) - set(before))]
            assert sorted(grown) == _rows(site)
        mended = time.monotonic()
        took = _converge(site, mended)
        got = running.finish()
    assert stale <= _STALE_WITHIN_S
    assert got.lost == 0
    figures = {"stale_shown_s": round(stale, 3), "converged_s": took, "lost": got.lost}
    write_result(f"partition_{direction}", figures)


def test_a_link_that_flaps_each_second_changes_nothing_but_what_is_written(
    site: FaultSite,
) -> None:
    link = site.lab.host(_HOST).management_link
    history = base_history()
    with flow(FLOW_FROM, FLOW_TO) as running:
        with Writer(site.lab.url, site.lab.admin_token, history, choose, 3):
            for second in range(20):
                run("ip", "link", "set", link, "down" if second % 2 == 0 else "up")
                time.sleep(1)
        mended = time.monotonic()
        took = _converge(site, mended)
        got = running.finish()
    stored, revisions = read_back(site.fleet, 10)
    assert history.violations(stored, revisions) == []
    assert got.lost == 0
    figures = {"writes": history.counts, "converged_s": took, "lost": got.lost, "sent": got.sent}
    write_result("link_flapping", figures)
