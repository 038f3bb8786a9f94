"""The table of conformance has every field of the intent model, and says something of each."""

from __future__ import annotations

import pytest

from tests.support.conformance_columns import TITLES, columns, samples
from tests.support.conformance_page import CELL, PAGE, render, without_host, written
from tests.support.intent_model import KINDS, leaves

FIELDS = [(kind, path) for kind, model in KINDS.items() for path, _ in leaves(model)]


@pytest.mark.parametrize("title", TITLES)
def test_no_cell_is_silent(title: str) -> None:
    cells = written()[title]
    assert list(cells) == FIELDS
    assert [(wanted, cell) for wanted, cell in cells.items() if not CELL.fullmatch(cell)] == []


@pytest.mark.parametrize("title", TITLES)
def test_every_field_is_shown_or_tried_or_set_apart(title: str) -> None:
    column = columns("workload")[title]
    shown, apart = column.fields().keys(), column.apart.keys()
    assert shown | apart | samples().keys() == {*FIELDS}
    assert not shown & apart


@pytest.mark.parametrize("title", TITLES)
def test_what_no_host_shows_is_refused_as_the_table_says(title: str) -> None:
    page, shown = written()[title], columns("workload")[title].fields().keys()
    expected = {wanted: cell for wanted, cell in page.items() if wanted not in shown}
    assert without_host(title) == expected


def test_the_page_is_written_as_it_is_read() -> None:
    assert render(FIELDS, written()) == PAGE.read_text()
