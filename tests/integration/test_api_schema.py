"""Whatever the OpenAPI document allows or forbids: the live server answers as the document says.

Schemathesis makes the requests, good and bad; half of them name objects that exist.
``make test-long`` makes many more of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok, Result
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.api import Api, LiveServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600)]

EXAMPLES = int(os.environ.get("OVSFLEET_FUZZ_EXAMPLES", "1"))
CHECKS = [status_code_conformance, content_type_conformance]
NEVER_ENDS = {"watch"}
FLEET = """\
{kind: Host, metadata: {name: known}, spec: {vteps: [192.0.2.1]}}
---
{kind: Bridge, metadata: {name: known}, spec: {host: known, interface: br-known}}
---
{kind: Segment, metadata: {name: known}}
---
{kind: Port, metadata: {name: known}, spec: {host: known, interface: eth0, segment: known}}
---
kind: Tunnel
metadata: {name: known}
spec: {ends: [{host: known, bridge: known}, {ip: 198.51.100.1}]}
---
{kind: HostGroup, metadata: {name: known}, spec: {selector: rack}}
---
{kind: TunnelProfile, metadata: {name: known}, spec: {ttl: 9}}
---
{kind: QosPolicy, metadata: {name: known}, spec: {max_rate_bps: 1000000}}
"""


@pytest.fixture
def client(api: Api, live: LiveServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {api.secret}"}
    with httpx.Client(base_url=live.url, headers=headers, timeout=30) as made:
        body, yaml = FLEET.encode(), {"Content-Type": "application/yaml"}
        made.post("/v1/apply", content=body, headers=yaml).raise_for_status()
        yield made


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_operation_answers_as_the_document_says(
    mode: GenerationMode, api: Api, client: httpx.Client
) -> None:
    schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    schema.config.base_url = str(client.base_url)
    wrong = [
        said
        for result in schema.get_all_operations()
        for said in _tried(_operation(result), mode, {"Authorization": f"Bearer {api.secret}"})
    ]
    assert wrong == []


def _operation(found: Result[Any, Any]) -> Any:
    assert isinstance(found, Ok), found.err()
    return found.ok()


def _tried(operation: Any, mode: GenerationMode, headers: dict[str, str]) -> list[str]:
    """What was wrong with the first answer that was."""
    if operation.definition.raw["operationId"] in NEVER_ENDS:
        return []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=EXAMPLES < 10,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_known=st.booleans())
    def one(case: Case[Any], is_known: bool) -> None:
        if is_known and "name_or_uid" in case.path_parameters:
            case.path_parameters["name_or_uid"] = "known"
        for parameter in ("wait", "timeout"):
            case.query.pop(parameter, None)
        _check(case, headers)

    try:
        one()
    except AssertionError as error:
        return [f"{operation.label}: {error}"]
    except Unsatisfiable:
        pass  # There is no wrong way to ask.
    return []


def _check(case: Case[Any], headers: dict[str, str]) -> None:
    answer = case.call(headers=headers)
    said = f"{case.as_curl_command()} -> {answer.status_code} {answer.text[:300]}"
    assert answer.status_code < 500 or answer.status_code == 503, said
    if answer.status_code >= 400:
        problem = answer.json()
        assert answer.headers["content-type"] == ["application/problem+json"], said
        assert problem["detail"], said
        assert problem["code"], said
    # An export is a stream of documents, which no schema describes.
    is_json = "json" in answer.headers["content-type"][0]
    checks = [*CHECKS, response_schema_conformance] if is_json else CHECKS
    try:
        case.validate_response(answer, checks=checks, headers=headers)
    except FailureGroup as group:
        raise AssertionError("; ".join(str(each) for each in group.exceptions) + said) from group
