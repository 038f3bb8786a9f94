"""What the dashboard asks of the controller where the fleet has 1,000 hosts and 100,000 ports.

The figures are printed; what is asserted is what does not depend on the machine: how many requests
a screen makes, how much they carry, and how many elements are drawn.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

import pytest
from playwright.sync_api import Page, Response, expect

from controller.store.engine import Database
from tests.support.api import Api
from tests.support.dashboard import DESKTOP, OpenPage, expect_live, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.large, pytest.mark.timeout(600)]

_REQUESTS = 15
"""That a screen makes, the change stream apart."""
_BYTES = 1_000_000
"""That they answer, as they are before they are packed. All ports are a hundred times that."""
_NODES = 6_000
"""Elements of the page. A row of each of the ports would be a hundred times that."""


@pytest.fixture
def db(large_fleet_url: str) -> Iterator[Database]:
    database = Database(large_fleet_url)
    yield database
    database.close()


@dataclass
class Figures:
    """Of one thing that a person does."""

    did: str
    seconds: float
    """Until it was seen."""
    requests: int
    bytes: int
    nodes: int


@dataclass
class Watched:
    """A page, with what it asks counted."""

    page: Page
    figures: list[Figures] = field(default_factory=list)
    _answers: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("response", self._count)

    def _count(self, response: Response) -> None:
        if "/v1/" in response.url and "/v1/watch" not in response.url:
            self._answers.append(int(response.headers.get("content-length", "0")))

    def do(self, what: str, act: Callable[[], object], seen: Callable[[], object]) -> None:
        """``seen`` returns once the page shows what ``act`` asked for."""
        self._answers.clear()
        started = time.monotonic()
        act()
        seen()
        seconds = time.monotonic() - started
        expect(self.page.locator(".pf-v6-c-skeleton")).to_have_count(0)
        nodes = self.page.evaluate("document.getElementsByTagName('*').length")
        answers = list(self._answers)
        self.figures.append(Figures(what, round(seconds, 3), len(answers), sum(answers), nodes))


def test_no_screen_asks_for_more_than_it_shows(open_page: OpenPage, api: Api) -> None:
    page = open_page("/", viewport=DESKTOP)
    watched = Watched(page)
    main = page.get_by_role("main")
    rows = page.get_by_role("grid").get_by_role("row")

    def sees(text: str | re.Pattern[str]) -> Callable[[], object]:
        return lambda: expect(main.get_by_text(text).first).to_be_visible()

    def go(path: str) -> Callable[[], object]:
        return lambda: page.evaluate(
            "path => { history.pushState(null, '', path); dispatchEvent(new Event('popstate')); }",
            path,
        )

    watched.do("open the fleet", lambda: sign_in(page, api.secret), sees("r01-h"))
    expect_live(page)
    watched.do("list ports", go("/ports"), sees("backup-r01-h01"))
    first = rows.nth(1).text_content() or ""
    watched.do(
        "turn the page",
        lambda: page.get_by_role("button", name="Next page").click(),
        lambda: expect(rows.nth(1)).not_to_have_text(first),
    )
    watched.do("filter", go("/ports?q=backup-r40-h25"), sees("backup-r40-h25"))
    watched.do("open a host", go("/hosts/r01-h01"), sees("Conditions"))
    watched.do("draw the topology", go("/topology"), sees(re.compile("tunnels, revision")))

    told = [asdict(each) for each in watched.figures]
    sys.stdout.write(json.dumps({"large_fleet": told}, indent=1) + "\n")
    assert [each.did for each in watched.figures if each.requests > _REQUESTS] == []
    assert [each.did for each in watched.figures if each.bytes > _BYTES] == []
    assert [each.did for each in watched.figures if each.nodes > _NODES] == []
