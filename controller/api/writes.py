"""One write over REST: done once under its key, with an answer that can be given again.

Owns nothing. The answer is put into words before the transaction ends, because what is kept for a
key is stored with the change itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from fastapi import Depends, Header, Query, Request, Response

from controller.api.bodies import JSON
from controller.api.dependencies import Caller, Context, RequestId
from controller.api.schemas.base import Answer as Document
from controller.auth import Principal
from controller.domain.errors import InvalidError, Violation
from controller.services import intent, requests
from controller.services.intent import Writer
from controller.services.requests import Answer
from controller.store.engine import Database

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern="^[ -~]+$",
        description="Any word of the caller's. The request is carried out once; sent again within"
        " a day it is answered as it was, with the header `Idempotent-Replayed: true`.",
    ),
]

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
NO_BODY = hashlib.sha256().digest()


@dataclass(frozen=True, slots=True)
class Write:
    """A request to change intent, before its body has been looked at."""

    db: Database
    caller: Principal
    request_id: str
    key: str | None
    target: str
    """Method, path and query."""

    def once(
        self,
        work: Callable[[Writer], Answer],
        *,
        sha256: bytes = NO_BODY,
        dry_run: bool = False,
    ) -> Response:
        """``sha256`` is the body's. A dry run changes nothing, so there is nothing to keep."""
        key = None if self.key is None or dry_run else self._key(self.key, sha256)
        answer = intent.carry_out(self.db, self.caller, work, request_id=self.request_id, key=key)
        headers = {**answer.headers, **({"Idempotent-Replayed": "true"} if answer.replayed else {})}
        return Response(answer.body, answer.status, headers, media_type=JSON)

    def _key(self, word: str, sha256: bytes) -> requests.Key:
        fingerprint = hashlib.sha256(self.target.encode() + b"\0" + sha256).digest()
        return requests.Key(self.caller.name, word, fingerprint)


def answered(
    document: Document, status: int = 200, headers: Mapping[str, str] = _NO_HEADERS
) -> Answer:
    return Answer(status, document.model_dump_json().encode(), headers)


def _write(
    request: Request,
    context: Context,
    caller: Caller,
    request_id: RequestId,
    idempotency_key: IdempotencyKey = None,
) -> Write:
    target = f"{request.method} {request.url.path}?{request.url.query}"
    return Write(context.db, caller, request_id, idempotency_key, target)


Force = Annotated[
    bool,
    Query(
        description="Take what the agent of a host is reached through all the same: the change goes"
        " on trial there, and is undone where the controller is not reached with it."
    ),
]
Writing = Annotated[Write, Depends(_write)]


def _refuse_key(request: Request, _caller: Caller) -> None:
    if "idempotency-key" in request.headers:
        detail = (
            "Idempotency-Key is not taken here: answers about webhooks and join tokens may hold"
            " secrets, and are not kept to be given again"
        )
        fix = "leave the header out, and look at what there is before sending the request again"
        raise InvalidError(detail, [Violation("", "idempotency_key_not_taken", detail, fix)])


WithoutKey = Depends(_refuse_key)
"""Of a write that cannot be done once: it must not seem to be."""
