"""What the kernel does of intent is what the table of conformance says, field by field."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.conformance_columns import KERNEL, LINUX
from tests.support.conformance_page import seen_on_host, written


@pytest.mark.parametrize("title", [KERNEL, LINUX])
def test_each_field_becomes_in_the_kernel_what_the_table_says(title: str, tmp_path: Path) -> None:
    seen = seen_on_host(title, tmp_path)
    page = written()[title]
    assert seen == {wanted: page[wanted] for wanted in seen}
