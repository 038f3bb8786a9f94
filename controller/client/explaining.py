"""``ovsfleet explain``: fields of manifests as the controller's OpenAPI document describes them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from controller.client.documents import plain
from controller.client.failures import CommandError, ExitCode
from controller.client.kinds import parse_kind
from controller.client.tables import print_rows

_REFERENCE = "#/components/schemas/"


def explain(openapi: Mapping[str, Any], path: str) -> None:
    """``path`` is a kind, and fields of it behind dots; ``spec`` may be left out."""
    schemas = openapi["components"]["schemas"]
    word, *steps = path.split(".")
    kind = parse_kind(word)
    schema: Mapping[str, Any] = schemas[f"{kind.name}Manifest"]
    top = _fields(schema, schemas)
    if steps and steps[0] not in top and steps[0] in _fields(top["spec"], schemas):
        steps.insert(0, "spec")  # Nobody says port.spec.mac who may say port.mac.
    for number, step in enumerate(steps, start=1):
        fields = _fields(schema, schemas)
        if step not in fields:
            known = fields if number > 1 else {**fields, **_fields(fields["spec"], schemas)}
            raise _unknown(".".join([kind.word, *steps[:number]]), list(known))
        schema = fields[step]
    _print(".".join([kind.word, *steps]), schema, schemas)


def _print(path: str, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> None:
    lines = [f"{path}: {_type(schema, schemas)}"]
    if "default" in schema:
        lines.append(f"default: {json.dumps(schema['default'])}")
    if description := _description(schema):
        lines.append(description)
    sys.stdout.writelines(f"{plain(line)}\n" for line in lines)
    if fields := _fields(schema, schemas):
        sys.stdout.write("\n")
        required = _resolved(schema, schemas).get("required", [])
        print_rows(
            ["FIELD", "TYPE", "DEFAULT", "DESCRIPTION"],
            [_row(name, field, schemas, name in required) for name, field in fields.items()],
        )


def _row(
    name: str, field: Mapping[str, Any], schemas: Mapping[str, Any], is_required: bool
) -> list[str]:
    default = "required" if is_required else json.dumps(field.get("default"))
    return [plain(name), _type(field, schemas), plain(default), plain(_description(field))]


def _description(schema: Mapping[str, Any]) -> str:
    return " ".join(str(schema.get("description", "")).split())


def _fields(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those of the object, or of each object of the list."""
    found: Mapping[str, Any] = _resolved(schema, schemas).get("properties", {})
    return found


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    if reference := schema.get("$ref"):
        return _resolved(schemas[reference.removeprefix(_REFERENCE)], schemas)
    for choice in schema.get("anyOf", ()):
        if "properties" in (found := _resolved(choice, schemas)):
            return found
    return _resolved(schema["items"], schemas) if "items" in schema else schema


def _type(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """``integer or "auto"``; that a field may be null is what its default says."""
    if choices := [c for c in schema.get("anyOf", ()) if c.get("type") != "null"]:
        return " or ".join(_type(choice, schemas) for choice in choices)
    if "$ref" in schema:
        return _type(_resolved(schema, schemas), schemas)
    if "items" in schema:
        return f"list of {_type(schema['items'], schemas)}"
    if values := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return " or ".join(json.dumps(value) for value in values)
    return str(schema.get("type", "anything"))


def _unknown(path: str, fields: list[str]) -> CommandError:
    return CommandError(
        f"There is no field {path}.",
        hint=f"Fields there are {', '.join(fields)}." if fields else "There are no fields there.",
        exit_code=ExitCode.NOT_FOUND,
    )
