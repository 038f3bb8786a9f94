"""Sending operations: retries of what may be repeated, and errors as exceptions.

Owns the connection pool. Whatever can be asked goes through ``Calls.send``, which takes nothing
that the table of operations does not have.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypedDict, Unpack
from urllib.parse import quote
from uuid import uuid4

import httpx

from controller.client.fleet.errors import ProblemError, UnreachableError
from controller.client.fleet.operations import IDEMPOTENCY_KEY, OPERATIONS, Operation

_CONNECT_S = 5.0
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0

Value: TypeAlias = str | int | float | Sequence[str] | None


class Given(TypedDict, total=False):
    """What a call puts into its operation."""

    path: Mapping[str, str | int]
    query: Mapping[str, Value]
    """None is left out."""
    headers: Mapping[str, str]
    body: object
    media: str


class Calls:
    """May be used by several threads at once."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_s: float,
        attempts: int,
        transport: httpx.BaseTransport | None,
    ) -> None:
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, transport=transport
        )

    def close(self) -> None:
        self._http.close()

    def send(self, operation_id: str, *, longer_s: float = 0.0, **given: Unpack[Given]) -> Any:
        """The answer's JSON. ``longer_s`` is how long the controller was asked to wait."""
        response = self._answered(operation_id, longer_s, given)
        if response.status_code == 204:
            return None
        if not response.headers.get("Content-Type", "").startswith("application/json"):
            raise UnreachableError(f"{response.url} answered, but not as a controller does")
        return response.json()

    def send_for_text(self, operation_id: str, **given: Unpack[Given]) -> str:
        return self._answered(operation_id, 0.0, given).text

    def _answered(self, operation_id: str, longer_s: float, given: Given) -> httpx.Response:
        operation = OPERATIONS[operation_id]
        request = self._request(operation, given)
        timeout = httpx.Timeout(self._timeout_s + longer_s, connect=_CONNECT_S)
        request.extensions["timeout"] = timeout.as_dict()
        response = self._sent(operation, request)
        if response.is_error:
            raise ProblemError(response.status_code, _document(response))
        return response

    def _request(self, operation: Operation, given: Given) -> httpx.Request:
        query = {name: value for name, value in given.get("query", {}).items() if value is not None}
        headers = dict(given.get("headers", {}))
        if IDEMPOTENCY_KEY in operation.headers:
            # One key for the call, however often it is sent.
            headers[IDEMPOTENCY_KEY] = str(uuid4())
        _refuse_undeclared(operation, {*query, *headers})
        body = given.get("body")
        if body is not None:
            headers["Content-Type"] = given.get("media", "application/json")
        path = {name: quote(str(value), safe="") for name, value in given.get("path", {}).items()}
        return self._http.build_request(
            operation.method,
            operation.path.format_map(path),
            params=query or None,
            headers=headers,
            content=None if body is None else json.dumps(body).encode(),
        )

    def _sent(self, operation: Operation, request: httpx.Request) -> httpx.Response:
        pauses = _pauses(self._attempts if operation.is_repeatable else 1)
        while True:
            pause = next(pauses, None)
            try:
                response = self._http.send(request)
            except httpx.HTTPError as error:
                if pause is None:
                    raise UnreachableError(f"no answer from {request.url}: {error!r}") from error
            else:
                if pause is None or not _passes_by_itself(response):
                    return response
                pause = max(pause, _asked_pause(response))
            time.sleep(pause)


def _pauses(attempts: int) -> Iterator[float]:
    """Between attempts: longer each time, and not in step with other clients."""
    longest = _FIRST_PAUSE_S
    for _ in range(attempts - 1):
        longest = min(longest * 2, _LONGEST_PAUSE_S)
        yield random.uniform(_FIRST_PAUSE_S, longest)  # noqa: S311 (no secret)


def _asked_pause(response: httpx.Response) -> float:
    asked = response.headers.get("Retry-After", "")
    return min(float(asked), _LONGEST_PAUSE_S) if asked.isdecimal() else 0.0


def _refuse_undeclared(operation: Operation, names: set[str]) -> None:
    if unknown := names - operation.query - operation.headers:
        raise ValueError(f"{operation.id} has no {', '.join(sorted(unknown))}")


_OF_HOSTS = frozenset({"host_away", "agent_too_old"})
"""Codes of what a host's agent cannot answer: nothing that a few seconds change."""


def _passes_by_itself(response: httpx.Response) -> bool:
    """Overload and restarts do, and the same request that is still being carried out."""
    if response.status_code == 409:
        return bool(_document(response).get("code") == "request_in_progress")
    if response.status_code == 503:
        return _document(response).get("code") not in _OF_HOSTS
    return response.status_code in {502, 504}


def _document(response: httpx.Response) -> dict[str, Any]:
    """Of something that need not be the controller: a proxy in front of it may answer, too."""
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
