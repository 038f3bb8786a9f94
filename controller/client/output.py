"""What goes to stdout: data in the shape that was asked for, and nothing else.

Words for people (progress, confirmations of what is under way, failures) go to stderr.
"""

from __future__ import annotations

import enum
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from controller.client.documents import Document, plain
from controller.client.failures import CommandError, ExitCode
from controller.client.kinds import KindInfo, word_of


class Format(enum.StrEnum):
    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


class EnrolmentFormat(enum.StrEnum):
    COMMAND = "command"
    TOKEN = "token"  # noqa: S105 - names a format
    JSON = "json"


@dataclass(frozen=True, slots=True)
class JsonPath:
    """RFC 9535, also as other tools write it: ``{.items[*].metadata.name}``."""

    expression: str


Output: TypeAlias = Format | JsonPath
_JSONPATH = "jsonpath="


def parse_output(text: str) -> Output:
    if text.startswith(_JSONPATH):
        path = text.removeprefix(_JSONPATH).strip()
        inner = path.removeprefix("{").removesuffix("}").strip()
        return JsonPath(inner if inner.startswith("$") else f"${inner}")
    if text not in set(Format):
        known = ", ".join(Format)
        raise CommandError(
            f"Nothing can be printed as {text!r}.",
            hint=f"Use -o {known} or jsonpath=EXPRESSION.",
            exit_code=ExitCode.DIFFERENT,
        )
    return Format(text)


def print_objects(
    kind: KindInfo, documents: Sequence[Document], output: Output, *, single: bool
) -> None:
    """``single``: one object was asked for, so that JSON is the object and not a list."""
    documents = [{"kind": each["kind"], **each} for each in documents]
    whole = documents[0] if single else {"items": documents}
    match output:
        case JsonPath(expression):
            print_found(whole, expression)
        case Format.JSON:
            print_json(whole)
        case Format.YAML:
            print_yaml(documents)
        case Format.NAME:
            _print_names(documents)
        case _:
            _print_table(kind, documents, wide=output is Format.WIDE)


def print_found(document: Any, expression: str) -> None:
    """Each value on a line: texts as they are, all else as JSON."""
    import jsonpath

    try:
        values = jsonpath.findall(expression, document)
    except (jsonpath.JSONPathError, re.error) as error:
        raise CommandError(
            f"{expression!r} is no JSONPath: {error}.",
            hint="Write for example -o jsonpath='$.items[*].metadata.name'.",
            exit_code=ExitCode.DIFFERENT,
        ) from error
    for value in values:
        said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        sys.stdout.write(f"{said}\n")


def print_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def print_yaml(documents: Sequence[Any]) -> None:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = False
    yaml.explicit_start = len(documents) > 1
    for document in documents:
        yaml.dump(document, sys.stdout)


def say(text: str) -> None:
    sys.stderr.write(text + "\n")


def print_failure(failure: CommandError) -> None:
    from rich.text import Text

    from controller.client.tables import console

    out = console(stderr=True)
    out.print(Text("error: ", style="bold red") + Text(plain(failure.message), style="bold"))
    for line in failure.lines:
        out.print(Text("  " + plain(line)))
    if failure.hint:
        out.print(Text("hint: ", style="cyan") + Text(plain(failure.hint)))


def _print_names(documents: Sequence[Document]) -> None:
    for document in documents:
        sys.stdout.write(f"{word_of(document['kind'])}/{document['metadata']['name']}\n")


def _print_table(kind: KindInfo, documents: Sequence[Document], *, wide: bool) -> None:
    from controller.client.tables import print_table

    if documents:
        print_table(kind, documents, wide=wide)
    else:
        say(f"There are no {kind.collection}.")
