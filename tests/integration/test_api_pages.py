"""What is not the API proper: documentation, the dashboard's files, health, headers."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from controller.store.engine import Database
from tests.support.api import make_app

pytestmark = pytest.mark.integration

HTML = {"Accept": "text/html"}


@pytest.fixture
def dashboard(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>dashboard</title>")
    (tmp_path / "assets" / "app-0a1b2c.js").write_text("void 0;")
    return tmp_path


@pytest.fixture
def client(db: Database, dashboard: Path) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(make_app(db, dashboard=dashboard))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_every_page_of_the_dashboard_is_its_one_document(client: httpx.AsyncClient) -> None:
    for path in ("/", "/hosts/h1.example", "/login?next=%2Fports"):
        answer = await client.get(path, headers=HTML)
        assert answer.status_code == 200
        assert "<title>dashboard</title>" in answer.text
        assert answer.headers["cache-control"] == "no-cache"


async def test_hashed_assets_may_be_kept_for_ever(client: httpx.AsyncClient) -> None:
    answer = await client.get("/assets/app-0a1b2c.js")
    assert answer.text == "void 0;"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_an_asset_that_is_not_there_is_not_kept(client: httpx.AsyncClient) -> None:
    answer = await client.get("/assets/old-ffffff.js", headers=HTML)
    assert answer.status_code == 404
    assert "immutable" not in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "path", ["/../pyproject.toml", "/%2e%2e/pyproject.toml", "/assets/..%2f.."]
)
async def test_nothing_outside_the_dashboards_folder_is_served(
    client: httpx.AsyncClient, path: str
) -> None:
    assert (await client.get(path)).status_code in {307, 404}


async def test_an_unknown_path_of_the_api_is_never_the_dashboard(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/nothing", headers=HTML)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_without_a_built_dashboard_the_api_still_serves(db: Database, tmp_path: Path) -> None:
    transport = httpx.ASGITransport(make_app(db, dashboard=tmp_path / "missing"))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/", headers=HTML)).status_code == 404
        assert (await client.get("/readyz")).json()["status"] == "ready"


@pytest.mark.parametrize("path", ["/", "/docs", "/v1/hosts", "/nothing", "/openapi.json"])
async def test_every_answer_carries_the_security_headers(
    client: httpx.AsyncClient, path: str
) -> None:
    headers = (await client.get(path, headers=HTML)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert re.fullmatch(r"[0-9a-f]{32}", headers["x-request-id"])


async def test_an_own_request_id_comes_back_unless_it_could_forge_a_log_line(
    client: httpx.AsyncClient,
) -> None:
    kept = await client.get("/healthz", headers={"X-Request-Id": "job-17.4"})
    assert kept.headers["x-request-id"] == "job-17.4"
    replaced = await client.get("/healthz", headers={"X-Request-Id": "a b"})
    assert re.fullmatch(r"[0-9a-f]{32}", replaced.headers["x-request-id"])


async def test_the_documentation_page_takes_everything_from_here(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    assert "//" not in page.replace("<!doctype", "")
    sources = re.findall(r'(?:src|href)="(/[^"]+)"', page)
    assert len(sources) == 3
    for source in sources:
        assert (await client.get(source)).status_code == 200


async def test_ready_means_that_the_database_answers_and_is_migrated(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "checks": {"database": "ok", "migrations": "ok"},
    }


async def test_a_database_without_tables_is_not_ready(empty_database_url: str) -> None:
    db = Database(empty_database_url)
    transport = httpx.ASGITransport(make_app(db))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/readyz")
    db.close()
    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"] != "ok"
