"""Every promise of the page of reliability names a test that exists, and shows what it measured."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.promises import PROMISES, Promise
from tests.support.reliability_page import NOT_RUN, PAGE, ROOT, render


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
    page = render("here", [], {})
    assert page.count(NOT_RUN) == 1 + sum(len(promise.results) for promise in PROMISES)


def test_rounds_are_told_by_what_broke() -> None:
    one = {"fault": "agent killed", "seed": 7, "violations": [], "lost": 0, "sent": 600}
    one |= {"converged_s": 0.5, "writes": {"ok": 3, "fail": 1, "unknown": 0}}
    page = render("here", [one, one | {"seed": 8, "violations": ["x"], "converged_s": 1.5}], {})
    assert "2 rounds, seeds 7 to 8, 1 with a violation" in page
    assert "| agent killed | 2 | 1 | 0 | 1200 | 1.00 s | 1.50 s | 1.50 s |" in page
