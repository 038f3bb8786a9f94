"""Reads a request's body: bounded while it streams, parsed strictly, checked for its shape.

Owns nothing. The framework's own body handling is not used, because it reads without a limit, drops
duplicate keys and knows no YAML. Routes declare what they take with ``described``, so that OpenAPI
shows it all the same.
"""

from __future__ import annotations

import email.message
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ValidationError

from controller.api.context import AppContext
from controller.api.errors import MERGE_PATCH, TooLargeError, UnsupportedMediaError, summary
from controller.api.violations import body_violations, shown
from controller.api.yaml_documents import MOST_KEYS, read_documents
from controller.domain.errors import DomainError, InvalidError, MalformedError, Violation

JSON = "application/json"
YAML = "application/yaml"

YAML_LIMIT = 4 * 1024 * 1024
"""Bytes. Reading YAML with positions costs a core some six seconds per mebibyte."""

MOST_VIOLATIONS = 1000
"""That one answer lists; its detail counts all of them."""

_PATCH = (
    "RFC 7396, of the labels and the spec of a {}: null removes a field, which is then its default."
)

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Body(Generic[ModelT]):
    value: ModelT
    lines: Mapping[str, int]
    """JSON pointer to the line it came from; empty for JSON."""
    sha256: bytes
    """Of the body as it was sent."""

    @contextmanager
    def located(self) -> Iterator[None]:
        """Adds to every violation of the block the line that it points at."""
        try:
            yield
        except DomainError as error:
            if not self.lines or not error.violations:
                raise
            raise type(error)(error.detail, self.with_lines(error.violations)) from error

    def with_lines(self, violations: tuple[Violation, ...]) -> tuple[Violation, ...]:
        return _with_lines(violations, self.lines) if self.lines else violations


def json_body(model: type[ModelT], *, empty_ok: bool = False) -> Callable[[Request], Any]:
    """A dependency that reads one JSON document of this shape; ``empty_ok``: or no body at all."""

    async def read(request: Request) -> Body[ModelT]:
        _media_type(request, (JSON,))
        raw = await _read(request)
        if empty_ok and not raw:
            raw = b"{}"
        return await run_in_threadpool(_from_json, model, raw)

    return read


def merge_patch_body() -> Callable[[Request], Any]:
    """A dependency that reads a JSON merge patch; nothing but its syntax is checked."""

    async def read(request: Request) -> Body[Any]:
        _media_type(request, (MERGE_PATCH,), default="")
        raw = await _read(request)
        return await run_in_threadpool(lambda: Body(parse_json(raw), {}, _sha256(raw)))

    return read


def manifest_body(model: type[ModelT]) -> Callable[[Request], Any]:
    """A dependency that reads ``{"objects": […]}`` as JSON, or the objects as YAML documents."""

    async def read(request: Request) -> Body[ModelT]:
        media_type = _media_type(request, (JSON, YAML))
        raw = await _read(request, YAML_LIMIT if media_type == YAML else None)
        if media_type == YAML:
            return await run_in_threadpool(_from_yaml, model, raw)
        return await run_in_threadpool(_from_json, model, raw)

    return read


def described(model: type[BaseModel], *media_types: str) -> dict[str, Any]:
    """The OpenAPI of a body that a dependency reads."""
    content: dict[str, Any] = {
        JSON: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}},
        YAML: {"schema": {"type": "string", "description": "One document for each object."}},
        MERGE_PATCH: {"schema": {"type": "object", "description": _PATCH.format(model.__name__)}},
    }
    return {
        "requestBody": {
            "required": True,
            "content": {media_type: content[media_type] for media_type in media_types or (JSON,)},
        }
    }


def parse_json(raw: bytes) -> Any:
    """MalformedError for what RFC 8259 does not allow, and for duplicate keys."""
    try:
        return json.loads(
            raw.decode(), object_pairs_hook=_unique_keys, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError as error:
        raise _malformed("not_utf8", f"byte {error.start} of the body is not UTF-8") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _malformed("not_json", f"the body is not JSON at {place}: {error.msg}") from error
    except RecursionError as error:
        raise _malformed("too_deep", "the body is nested too deeply") from error
    except ValueError as error:
        # The interpreter's limit on the digits of one number.
        raise _malformed("number_too_long", "the body has a number of absurd length") from error


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_KEYS:
        raise _malformed("too_many_keys", f"one object has more than {MOST_KEYS} keys")
    mapping: dict[str, Any] = {}
    for key, value in pairs:
        if key in mapping:
            raise _malformed("duplicate_key", f"key {shown(key)} stands twice in one object")
        mapping[key] = value
    return mapping


def _refuse_constant(word: str) -> None:
    raise _malformed("not_json", f"the body is not JSON: {word} is not a number there")


def _sha256(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


def _from_json(model: type[ModelT], raw: bytes) -> Body[ModelT]:
    return Body(shaped(model, parse_json(raw)), {}, _sha256(raw))


def _from_yaml(model: type[ModelT], raw: bytes) -> Body[ModelT]:
    try:
        documents = read_documents(raw.decode())
    except UnicodeDecodeError as error:
        raise _malformed("not_utf8", f"byte {error.start} of the body is not UTF-8") from error
    lines = {f"/objects{pointer}": line for pointer, line in documents.lines.items()}
    try:
        return Body(shaped(model, {"objects": documents.values}), lines, _sha256(raw))
    except InvalidError as error:
        violations = _with_lines(error.violations, lines)
        raise InvalidError(error.detail, violations) from error


def shaped(model: type[ModelT], data: Any) -> ModelT:
    """InvalidError with every violation of the shape, up to ``MOST_VIOLATIONS``."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        violations = body_violations(model, error.errors(include_url=False))
        raise InvalidError(summary(violations), violations[:MOST_VIOLATIONS]) from error


def _media_type(request: Request, taken: tuple[str, ...], *, default: str = JSON) -> str:
    """``default`` is what a request without a Content-Type means; empty: it has to say."""
    header = request.headers.get("content-type")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaError("Content-Encoding is not taken; send the body uncompressed")
    if not header and default:
        return default
    if not header:
        raise UnsupportedMediaError(f"a Content-Type is needed here: {' or '.join(taken)}")
    message = email.message.Message()
    message["content-type"] = header
    given = message.get_content_type()
    if given not in taken:
        raise UnsupportedMediaError(
            f"Content-Type {shown(header)} is not taken here; use {' or '.join(taken)}"
        )
    return given


async def _read(request: Request, limit: int | None = None) -> bytes:
    context: AppContext = request.app.state.context
    most = min(context.body_limit, limit or context.body_limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise TooLargeError(
                f"the body is longer than {most} bytes; split it into several requests"
            )
        chunks.append(chunk)
    return b"".join(chunks)


def _with_lines(
    violations: tuple[Violation, ...], lines: Mapping[str, int]
) -> tuple[Violation, ...]:
    return tuple(
        replace(violation, detail=f"{violation.detail} (line {line})")
        if (line := _line_of(violation.pointer, lines))
        else violation
        for violation in violations
    )


def _line_of(pointer: str, lines: Mapping[str, int]) -> int | None:
    """Of the place itself, or of the nearest one around it that exists (a missing field)."""
    while pointer:
        if pointer in lines:
            return lines[pointer]
        pointer = pointer.rpartition("/")[0]
    return None


def _malformed(code: str, detail: str) -> MalformedError:
    return MalformedError(detail, [Violation("", code, detail, "correct the body")])
