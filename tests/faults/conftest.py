"""One lab for all tests of this folder, with the intent and the traffic that they break."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

import pytest

from deploy.lab.lab import Lab
from tests.support.fault_results import write_outcome
from tests.support.fault_site import FaultSite, fault_site


@pytest.fixture(scope="session")
def lasting_site() -> Iterator[FaultSite]:
    if os.geteuid() != 0:
        pytest.fail("the lab makes network namespaces: run the tests as root")
    lab = Lab()
    lab.clear()
    try:
        lab.up()
        with fault_site(lab) as made:
            yield made
    finally:
        lab.clear()


@pytest.fixture
def site(lasting_site: FaultSite) -> FaultSite:
    """Without what was written in the test before: a test knows all that may be there."""
    lasting_site.begin_anew()
    return lasting_site


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" or report.failed:
        write_outcome(
            item.nodeid, report.outcome, "" if call.excinfo is None else f"{call.excinfo.value}"
        )
    return report
