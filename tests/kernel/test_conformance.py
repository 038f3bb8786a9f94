"""What the kernel does of intent is what the table of conformance says, field by field."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.conformance_columns import KERNEL, LINUX
from tests.support.conformance_page import cells_of, written


@pytest.mark.parametrize("title", [KERNEL, LINUX])
def test_each_field_becomes_in_the_kernel_what_the_table_says(title: str, tmp_path: Path) -> None:
    assert cells_of(title, tmp_path) == written()[title]
