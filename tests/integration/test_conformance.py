"""Hosts with Open vSwitch's userspace datapath are as the table of conformance says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.conformance_columns import USERSPACE
from tests.support.conformance_page import seen_on_host, written

pytestmark = pytest.mark.integration


def test_each_field_becomes_in_userspace_what_the_table_says(tmp_path: Path) -> None:
    seen = seen_on_host(USERSPACE, tmp_path)
    page = written()[USERSPACE]
    assert seen == {wanted: page[wanted] for wanted in seen}
