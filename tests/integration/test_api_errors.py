"""Every refusal has one shape, says what to do, and leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from controller.api.bodies import YAML_LIMIT
from controller.api.paging import encode_page_token
from controller.store.engine import Database
from tests.support.api import BODY_LIMIT, NOWHERE, Api, make_app

pytestmark = pytest.mark.integration

YAML = {"Content-Type": "application/yaml"}


def host(name: str, **spec: Any) -> dict[str, Any]:
    return {"kind": "Host", "metadata": {"name": name}, "spec": spec}


def segment(name: str, **spec: Any) -> dict[str, Any]:
    return {"kind": "Segment", "metadata": {"name": name}, "spec": spec}


def port(name: str, **spec: Any) -> dict[str, Any]:
    return {"kind": "Port", "metadata": {"name": name}, "spec": {"interface": name, **spec}}


def bridge(name: str, **spec: Any) -> dict[str, Any]:
    return {"kind": "Bridge", "metadata": {"name": name}, "spec": spec}


SEEDED = [
    host("h1", vteps=["192.0.2.1"], underlay_mtu=1500),
    bridge("lan", host="h1", interface="br-lan"),
    segment("blue", vni=100, mtu=1450),
    port("web", host="h1", segment="blue"),
]


@pytest.fixture
async def admin(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with api.admin as client:
        answer = await client.post("/v1/apply", json={"objects": SEEDED})
        assert answer.status_code == 200, answer.text
        yield client


def assert_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["type"] == f"urn:ovsfleet:problem:{problem['code']}"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["instance"] == answer.request.url.path
    assert problem["title"]
    assert problem["detail"]
    for error in problem["errors"]:
        assert error["detail"]
        assert error["fix"]
    return problem


BAD_INPUT = {
    "unknown host": ([port("p", host="h9", segment="blue")], "/objects/0/spec/host", "h9"),
    "vni too large": ([segment("s", vni=16777216)], "/objects/0/spec/vni", "16777216"),
    "vni zero": ([segment("s", vni=0)], "/objects/0/spec/vni", "0"),
    "vni absurd": ([segment("s", vni=10**30)], "/objects/0/spec/vni", "1000000"),
    "vni taken": ([segment("s", vni=100)], "/objects/0/spec/vni", "100"),
    "name twice in one request": ([segment("s"), segment("s")], "/objects/1", "s"),
    "mtu does not fit the underlay": (
        [segment("s", mtu=1500), port("p", host="h1", segment="s")],
        "/objects/0/spec/mtu",
        "1500",
    ),
    "vlan too large": (
        [port("p", host="h1", bridge="lan", tag=4095)],
        "/objects/0/spec/tag",
        "4095",
    ),
    "vlan zero": ([port("p", host="h1", bridge="lan", tag=0)], "/objects/0/spec/tag", "0"),
    "interface name over 15 bytes": (
        [port("p", host="h1", segment="blue", interface="a234567890123456")],
        "/objects/0/spec/interface",
        "15",
    ),
}


@pytest.mark.parametrize("case", BAD_INPUT)
async def test_bad_input_names_field_value_and_way_out_and_writes_nothing(
    api: Api, admin: httpx.AsyncClient, case: str
) -> None:
    objects, pointer, value = BAD_INPUT[case]
    before = api.head()
    answer = await admin.post("/v1/apply", json={"objects": objects})
    assert 400 <= answer.status_code < 500
    problem = assert_problem(answer, answer.status_code)
    errors = {error["pointer"]: error for error in problem["errors"]}
    assert pointer in errors
    assert value in errors[pointer]["detail"]
    assert api.head() == before


async def test_a_taken_name_is_a_conflict_on_create(api: Api, admin: httpx.AsyncClient) -> None:
    before = api.head()
    answer = await admin.post("/v1/segments", json={"metadata": {"name": "blue"}, "spec": {}})
    problem = assert_problem(answer, 409)
    assert problem["errors"][0]["pointer"] == "/metadata/name"
    assert "blue" in problem["detail"]
    assert api.head() == before


async def test_a_taken_vni_is_a_conflict(admin: httpx.AsyncClient) -> None:
    answer = await admin.post("/v1/segments", json=segment("other", vni=100))
    assert_problem(answer, 409)


async def test_one_bad_object_among_many_keeps_all_of_them_out(
    api: Api, admin: httpx.AsyncClient
) -> None:
    before = api.head()
    objects = [segment("good"), segment("bad", vni=0), port("p", host="nowhere", segment="good")]
    problem = assert_problem(await admin.post("/v1/apply", json={"objects": objects}), 422)
    pointers = {error["pointer"] for error in problem["errors"]}
    assert {"/objects/1/spec/vni", "/objects/2/spec/host"} <= pointers
    assert (await admin.get("/v1/segments/good")).status_code == 404
    assert api.head() == before


async def test_malformed_yaml_is_told_with_line_and_column(
    api: Api, admin: httpx.AsyncClient
) -> None:
    before = api.head()
    answer = await admin.post("/v1/apply", content="kind: Host\n  name: x\n", headers=YAML)
    problem = assert_problem(answer, 400)
    assert problem["code"] == "malformed"
    assert "line 2, column 7" in problem["detail"]
    assert api.head() == before


async def test_a_violation_in_yaml_ends_with_its_line(admin: httpx.AsyncClient) -> None:
    text = "kind: Segment\nmetadata:\n  name: s\nspec:\n  vni: 0\n  mtu: '1500'\n"
    problem = assert_problem(await admin.post("/v1/apply", content=text, headers=YAML), 422)
    assert problem["errors"][0]["detail"] == (
        'mtu is "1500", but must be an integer or the word auto (line 6)'
    )
    text = text.replace("  mtu: '1500'\n", "")
    problem = assert_problem(await admin.post("/v1/apply", content=text, headers=YAML), 422)
    assert problem["errors"][0]["detail"].endswith("(line 5)")


async def test_a_field_missing_in_yaml_names_the_line_of_its_surroundings(
    admin: httpx.AsyncClient,
) -> None:
    text = "---\nkind: Host\nmetadata: {name: h2}\n---\nkind: Port\nmetadata:\n  labels: {}\n"
    problem = assert_problem(await admin.post("/v1/apply", content=text, headers=YAML), 422)
    details = {error["pointer"]: error["detail"] for error in problem["errors"]}
    assert details["/objects/1/metadata/name"].endswith("(line 6)")
    assert details["/objects/1/spec"].endswith("(line 5)")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b'{"objects": [NaN]}', "not_json"),
        (b'{"objects": [], "objects": []}', "duplicate_key"),
        (b"\xff", "not_utf8"),
        (b"[" * 100_000, "too_deep"),
        (b"1" * 10_000, "number_too_long"),
        (json.dumps({str(i): 0 for i in range(1001)}).encode(), "too_many_keys"),
    ],
)
async def test_what_is_no_json_is_malformed(
    api: Api, admin: httpx.AsyncClient, content: bytes, code: str
) -> None:
    before = api.head()
    problem = assert_problem(await admin.post("/v1/apply", content=content), 400)
    assert problem["errors"][0]["code"] == code
    assert api.head() == before


@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "a\\nb"])
@pytest.mark.parametrize("field", ["name", "project"])
async def test_text_that_no_layer_below_can_carry_is_invalid(
    admin: httpx.AsyncClient, field: str, text: str
) -> None:
    metadata = {"name": "s", field: "@"}
    body = json.dumps({"objects": [{"kind": "Segment", "metadata": metadata}]})
    answer = await admin.post("/v1/apply", content=body.replace("@", text))
    problem = assert_problem(answer, 422)
    assert problem["errors"][0]["pointer"] == f"/objects/0/metadata/{field}"


async def test_a_body_over_the_limit_is_refused_while_it_streams(
    admin: httpx.AsyncClient,
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * BODY_LIMIT:
            sent += 65536
            yield b" " * 65536

    answer = await admin.post("/v1/apply", content=endless())
    problem = assert_problem(answer, 413)
    assert str(BODY_LIMIT) in problem["detail"]
    assert sent <= BODY_LIMIT + 2 * 65536


async def test_yaml_has_a_lower_limit_of_its_own(api: Api) -> None:
    api.app.state.context = make_app(api.db, body_limit=2 * YAML_LIMIT).state.context
    async with api.admin as client:
        answer = await client.post("/v1/apply", content=b" " * (YAML_LIMIT + 1), headers=YAML)
    assert_problem(answer, 413)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_another_format_is_refused_with_the_ones_that_are_taken(
    admin: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    assert_problem(await admin.post("/v1/apply", content=b"{}", headers=headers), 415)


async def test_one_object_is_taken_as_json_only(admin: httpx.AsyncClient) -> None:
    answer = await admin.post("/v1/segments", content=b"metadata: {name: a}", headers=YAML)
    assert "application/json" in assert_problem(answer, 415)["detail"]


async def test_an_unknown_path_is_a_problem_too(admin: httpx.AsyncClient) -> None:
    for path in ("/v1/nothing", "/v1/hosts/h1/nothing", "/v2/hosts"):
        assert_problem(await admin.get(path), 404)


async def test_a_method_that_a_path_has_not_is_a_problem_too(admin: httpx.AsyncClient) -> None:
    answer = await admin.get("/v1/apply")
    assert_problem(answer, 405)
    assert answer.headers["allow"] == "POST"
    assert_problem(await admin.patch("/v1/hosts"), 405)


@pytest.mark.parametrize(
    "query",
    [
        "page_size=0",
        "page_size=many",
        "page_token=nonsense",
        "label_selector=a%20in%20b",
        "project=%00",
    ],
)
async def test_a_bad_query_parameter_is_named(admin: httpx.AsyncClient, query: str) -> None:
    problem = assert_problem(await admin.get(f"/v1/ports?{query}"), 422)
    (error,) = problem["errors"]
    assert query.partition("=")[0] in error["detail"]


@pytest.mark.parametrize(
    ("path", "question"),
    [("attention", ("attention", None, None, None)), ("ports", ("Port", None, "", None, "", ""))],
)
async def test_a_page_token_of_another_version_is_refused(
    admin: httpx.AsyncClient, path: str, question: tuple[str | None, ...]
) -> None:
    token = encode_page_token("somewhere", *question)
    problem = assert_problem(await admin.get(f"/v1/{path}?page_token={token}"), 422)
    assert problem["errors"][0]["code"] == "page_token"


async def test_a_name_that_nothing_can_have_is_not_found(admin: httpx.AsyncClient) -> None:
    assert_problem(await admin.get("/v1/hosts/..%2Fetc"), 404)
    assert_problem(await admin.get("/v1/hosts/%20"), 404)
    assert_problem(await admin.get("/v1/hosts/%00"), 422)


async def test_an_exception_that_nobody_expected_shows_its_id_and_nothing_of_the_inside(
    api: Api,
) -> None:
    @api.app.get("/v1/broken", include_in_schema=False)
    def broken() -> None:
        raise RuntimeError("the inside")

    async with api.admin as client:
        answer = await client.get("/v1/broken", headers={"X-Request-Id": "mine-1"})
    problem = assert_problem(answer, 500)
    assert problem["request_id"] == "mine-1"
    assert "the inside" not in answer.text


async def test_without_the_database_everything_is_unavailable_and_says_when_to_come_again(
    api: Api,
) -> None:
    db = Database(NOWHERE)
    transport = httpx.ASGITransport(make_app(db))
    token = {"Authorization": f"Bearer {api.secret}"}
    wrong = {"Authorization": "Bearer ovsf_" + "A" * 43 + "_00000000"}
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        ready = await client.get("/readyz")
        alive = await client.get("/healthz")
        away = [
            await client.get("/v1/hosts", headers=token),
            await client.get("/v1/watch", headers=token),
            await client.post("/v1/apply", json={"objects": SEEDED}, headers=token),
        ]
        refused = await client.get("/v1/hosts", headers=wrong)
    db.close()
    for answer in away:
        assert_problem(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
    assert ready.status_code == 503
    assert ready.json()["status"] == "unready"
    assert alive.json() == {"status": "ok"}
    # A token that cannot be right is refused without asking the database.
    assert_problem(refused, 401)
