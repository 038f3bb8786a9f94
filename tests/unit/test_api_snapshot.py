"""The committed OpenAPI document is the application's."""

from __future__ import annotations

import json

from controller.api.snapshot import SNAPSHOT, render


def test_the_committed_openapi_document_is_up_to_date() -> None:
    assert SNAPSHOT.read_text(encoding="utf-8") == render(), (
        "run: python -m controller.api.snapshot"
    )


def test_every_operation_has_its_own_id_and_every_4xx_the_problem_schema() -> None:
    document = json.loads(render())
    operations = [each for path in document["paths"].values() for each in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    for operation in operations:
        for status, response in operation["responses"].items():
            if status.startswith("4"):
                ((media_type, content),) = response["content"].items()
                shapes = content["schema"].get("anyOf", [content["schema"]])
                assert media_type == "application/problem+json"
                assert {"$ref": "#/components/schemas/Problem"} in shapes


def test_every_reference_of_the_document_leads_somewhere() -> None:
    text = render()
    schemas = json.loads(text)["components"]["schemas"]
    references = {
        line.split("#/components/schemas/")[1].strip('",')
        for line in text.splitlines()
        if "#/components/schemas/" in line
    }
    assert references <= set(schemas)
