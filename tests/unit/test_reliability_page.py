"""Every promise of the page of reliability names a test that exists, and shows what it measured."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.fault_foreign import differences_but_for_a_boot
from tests.support.fault_kinds import ON_TRIAL, PARTS
from tests.support.fault_results import ROOT
from tests.support.fault_rounds import names_of
from tests.support.promises import MEASURED, PROMISES, Promise
from tests.support.reliability_page import NOT_RUN, PAGE, Run, render


@pytest.mark.parametrize("promise", PROMISES, ids=lambda each: each.test.partition("::")[2])
def test_a_promise_names_a_test_that_exists(promise: Promise) -> None:
    path, _, function = promise.test.partition("::")
    assert function in _functions(ROOT / path)


def _functions(path: Path) -> set[str]:
    body = ast.parse(path.read_text()).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_page_has_every_promise_with_its_test() -> None:
    page = PAGE.read_text()
    for promise in PROMISES:
        assert promise.text in page
        assert promise.test.partition("::")[2] in page


def test_what_was_not_run_is_told() -> None:
    page = render("here", Run())
    assert page.count(NOT_RUN) == 1 + sum(len(promise.results) for promise in PROMISES)


ROUND = {"fault": "agent killed", "host": "h1", "seed": 7, "violations": [], "lost": 0, "sent": 600}
ROUND |= {"converged_s": 0.5, "writes": {"ok": 3, "fail": 1, "unknown": 0}, "commit": "new"}
BROKEN = ROUND | {"seed": 8, "violations": ["3 of 600 lost"], "converged_s": 1.5}
AFTER = {"commit": "new", "at": "2026-01-02T00:00:00+00:00"}


def test_rounds_are_told_by_what_broke_and_what_was_violated() -> None:
    page = render("here", Run([ROUND, BROKEN], [BROKEN]))
    assert (
        "2 rounds, seeds 7 to 8, 1 with a violation, and nothing says that it came to its end"
        in page
    )
    assert "| agent killed | 2 | 1 | 0 | 1200 | 1.00 s | 1.50 s | 1.50 s |" in page
    assert "**Violation**, seed 8 (agent killed, h1): 3 of 600 lost" in page
    assert "**Violation**, seed 8 (agent killed on trial, h1): 3 of 600 lost" in page


def test_figures_of_another_commit_are_told_apart() -> None:
    old = {"commit": "old", "at": "2026-01-01T00:00:00+00:00"}
    results = {"on_trial": {"rounds": 6, **old}, "vswitchd": {"pairs": 8, **AFTER}}
    page = render("here", Run(results=results))
    assert "Measured at commit new with" in page
    assert "on_trial: rounds 6 (at old)" in page
    assert "vswitchd: pairs 8;" in page


def test_a_promise_whose_test_failed_says_why() -> None:
    test = f"{MEASURED[1].test}[vswitchd]"
    outcomes = [{"test": test, "outcome": "failed", "why": "assert a | b\nmore", **AFTER}]
    assert "**failed**: assert a \\| b; vswitchd: " in render("here", Run(outcomes=outcomes))


def test_seeds_in_a_row_leave_no_fault_out() -> None:
    every = {fault.name for part in PARTS.values() for fault in part}
    assert names_of(range(1000, 1000 + len(PARTS) * max(map(len, PARTS.values())))) == every
    on_trial = range(1000, 1000 + len(ON_TRIAL))
    assert names_of(on_trial, ON_TRIAL) == {fault.name for fault in ON_TRIAL}


def test_what_a_boot_makes_anew_is_no_difference_and_all_else_is() -> None:
    uuid, other = "0b7de3cd-6f4e-4b9d-9c58-0a1c7b7a2d11", "1c8ef4de-7a5f-4cae-8d69-1b2d8c8b3e22"
    before = [
        f'Bridge br-others ports=["set", ["{uuid}", "{uuid}"]]',
        "Interface others0 ofport=2",
        'Interface others0 options=["map", []]',
        'links vo0 address="da:20:4c:11:02:aa"',
        "links vo0 ifindex=12",
        'links lx-others linkinfo.info_data.bridge_id="8000.da:20:4c:11:2:aa"',
        'links vo0 addr_info=[{"local": "fe80::d820:4cff:fe11:2aa", "prefixlen": 64}]',
        'fdb 02:00:00:00:47:11 mac="02:00:00:00:47:11"',
    ]
    after = [
        'fdb 02:00:00:00:47:11 mac="02:00:00:00:47:11"',
        f'Bridge br-others ports=["set", ["{other}", "{uuid}"]]',
        "Interface others0 ofport=7",
        'Interface others0 options=["map", []]',
        'links vo0 address="5e:33:9f:77:10:03"',
        "links vo0 ifindex=31",
        'links lx-others linkinfo.info_data.bridge_id="8000.5e:33:9f:77:10:3"',
        'links vo0 addr_info=[{"local": "fe80::5c33:9fff:fe77:1003", "prefixlen": 64}]',
    ]
    assert differences_but_for_a_boot("\n".join(before), "\n".join(after)) == []
    moved = 'fdb 02:00:00:00:47:12 mac="02:00:00:00:47:12"'
    found = differences_but_for_a_boot("\n".join(before), "\n".join([moved, *after[2:]]))
    assert found == [f"-{before[0]}".replace(uuid, "row"), f"-{before[-1]}", f"+{moved}"]
