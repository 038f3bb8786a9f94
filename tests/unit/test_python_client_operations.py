"""The Python client's table of operations and the API have each other's."""

from __future__ import annotations

import json
from functools import cache
from operator import attrgetter
from typing import Any

import pytest

from controller.api.snapshot import render
from controller.client.fleet import Fleet, documents
from controller.client.fleet.operations import OPERATIONS, Operation

# What no program that manages a fleet asks for.
WITHOUT_A_METHOD = {
    "get_health": "is for whoever starts and restarts the controller",
    "get_readiness": "is for load balancers",
    "get_metrics": "is for Prometheus",
}
SCHEMAS = {
    "Condition": "ConditionDocument",
    "Status": "HostStatusDocument",
    "Warned": "ChangeWarning",
    "Metadata": "ObjectMetadata",
    "ObjectDocument": "WrittenPortDocument",
    "ObjectResult": "ObjectResultDocument",
    "ChangeResult": "ChangeResultDocument",
    "Deletion": "Deletion",
    "Prune": "PruneRequest",
    "HostCounts": "ConcernedHosts",
    "PendingHost": "PendingHost",
    "RevisionDocument": "RevisionDocument",
    "LaggingHost": "LaggingHost",
    "RealizationHosts": "RealizationHosts",
    "Realization": "RealizationDocument",
    "Difference": "DifferenceDocument",
    "DifferenceList": "DifferenceList",
    "JoinToken": "JoinTokenDocument",
    "StatsObject": "StatsObject",
    "StatsSeries": "StatsSeries",
    "Stats": "StatsDocument",
}


@cache
def openapi() -> dict[str, Any]:
    """The application's own; another test holds the committed snapshot against it."""
    document: dict[str, Any] = json.loads(render())
    return document


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=attrgetter("id"))
def test_what_the_client_sends_is_in_the_api(operation: Operation) -> None:
    declared = openapi()["paths"][operation.path][operation.method.lower()]
    assert declared["operationId"] == operation.id
    names: dict[str, set[str]] = {"path": set(), "query": set(), "header": set()}
    for parameter in declared.get("parameters", []):
        names[parameter["in"]].add(parameter["name"].lower())
    assert operation.placeholders == names["path"]
    assert operation.query <= names["query"]
    assert {header.lower() for header in operation.headers} <= names["header"]
    # Where the API takes a key, leaving it out would make a repeated write a second one.
    assert operation.is_repeatable or "idempotency-key" not in names["header"]


def test_every_operation_of_the_api_has_a_method_or_a_reason_to_have_none() -> None:
    declared = {
        operation["operationId"]
        for path in openapi()["paths"].values()
        for operation in path.values()
    }
    assert declared - OPERATIONS.keys() == WITHOUT_A_METHOD.keys()
    with Fleet("http://fleet.invalid", "unused") as fleet:
        for operation in OPERATIONS.values():
            assert callable(attrgetter(operation.call)(fleet)), operation


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_types_have_the_fields_that_are_answered(name: str) -> None:
    schema = openapi()["components"]["schemas"][SCHEMAS[name]]
    assert set(getattr(documents, name).__annotations__) == set(schema["properties"])
