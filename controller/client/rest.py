"""The controller's REST API as the command line uses it.

One ``Api`` per command; it holds the connection pool and nothing else. Transport faults and problem
documents leave it as ``CommandError``, never as a traceback.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias
from urllib.parse import quote

import httpx

from controller.client.context import Context
from controller.client.documents import Document
from controller.client.failures import CommandError, ExitCode, Locate, RefusedError
from controller.client.kinds import BY_NAME

if TYPE_CHECKING:
    from httpx_sse import ServerSentEvent

QueryValue: TypeAlias = str | int | Sequence[str] | None
Query: TypeAlias = Mapping[str, QueryValue]

PAGE_SIZE = 500
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
# The server writes a comment every 15 s; three missed ones mean that the connection is dead.
_STREAM_TIMEOUT = httpx.Timeout(5.0, read=45.0)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which objects of a collection, and in which order."""

    project: str | None = None
    selector: str | None = None
    host: str | None = None
    filter: str | None = None
    order_by: str | None = None


class Api:
    def __init__(self, context: Context, transport: httpx.BaseTransport | None = None) -> None:
        self.url = context.url
        self._http = httpx.Client(
            base_url=context.url,
            headers={"Authorization": f"Bearer {context.token}"},
            timeout=_TIMEOUT,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **params: str | int | None) -> Document:
        return self._call("GET", path, params=params)

    def object(self, collection: str, name: str, project: str | None) -> Document:
        return self.get(f"/v1/{collection}/{quote(name, safe='')}", project=project)

    def realization(self, document: Document) -> Document:
        """How far the hosts of an object are with it."""
        kind, uid = BY_NAME[document["kind"]], document["metadata"]["uid"]
        return self.get(f"/v1/{kind.collection}/{uid}/realization")

    def objects(self, collection: str, choice: Choice | None = None) -> Iterator[Document]:
        """Every object of a collection, following the pages."""
        chosen = choice or Choice()
        token: str | None = None
        while True:
            page = self.get(
                f"/v1/{collection}",
                project=chosen.project,
                label_selector=chosen.selector,
                host=chosen.host,
                filter=chosen.filter,
                order_by=chosen.order_by,
                page_size=PAGE_SIZE,
                page_token=token,
            )
            yield from page["items"]
            token = page.get("next_page_token") or None
            if token is None:
                return

    def lines(self, path: str, **params: str | None) -> Iterator[str]:
        """Lines of a text that is too long to be held at once."""
        given = {key: value for key, value in params.items() if value is not None}
        with (
            _plain_faults(self.url),
            self._http.stream("GET", path, params=given) as response,
        ):
            if response.is_error:
                response.read()
                _raise_refused(response, None)
            for line in response.iter_lines():
                yield f"{line}\n"

    def replace(self, collection: str, found: Document, manifest: Document) -> Document:
        """Unless somebody has changed the object since it was ``found``."""
        metadata = found["metadata"]
        return self._call(
            "PUT",
            f"/v1/{collection}/{metadata['uid']}",
            json=manifest,
            headers={"If-Match": f'"{metadata["revision"]}"'},
        )

    def patch(self, collection: str, found: Document, patch: Document) -> Document:
        """Merge the patch into the object, unless somebody has changed it since ``found``."""
        metadata = found["metadata"]
        return self._call(
            "PATCH",
            f"/v1/{collection}/{metadata['uid']}",
            content=json.dumps(patch).encode(),
            headers={
                "Content-Type": "application/merge-patch+json",
                "If-Match": f'"{metadata["revision"]}"',
            },
        )

    def post(self, path: str, body: Document) -> Document:
        return self._call("POST", path, json=body)

    def put(self, path: str, body: Document, *, revision: int) -> Document:
        """Unless it was changed since that revision of its own."""
        return self._call("PUT", path, json=body, headers={"If-Match": f'"{revision}"'})

    def remove(self, path: str) -> None:
        """Whatever is there."""
        with _plain_faults(self.url):
            response = self._http.delete(path, headers={"If-Match": "*"})
        if response.is_error:
            _raise_refused(response, None)

    def post_yaml(
        self,
        path: str,
        text: str,
        *,
        dry_run: bool,
        locate: Locate,
        params: Query | None = None,
    ) -> Document:
        """Sends the text as it is, so that the controller's line numbers are the file's."""
        return self._call(
            "POST",
            path,
            locate=locate,
            content=text.encode(),
            headers={"Content-Type": "application/yaml"},
            params={"dry_run": "true" if dry_run else None, **(params or {})},
        )

    @contextmanager
    def events(
        self, *, from_revision: int | None, last_event_id: str
    ) -> Iterator[Iterator[ServerSentEvent]]:
        from httpx_sse import connect_sse

        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        params = {} if from_revision is None else {"from_revision": str(from_revision)}
        with (
            _plain_faults(self.url),
            connect_sse(
                self._http,
                "GET",
                "/v1/watch",
                headers=headers,
                params=params,
                timeout=_STREAM_TIMEOUT,
            ) as source,
        ):
            if source.response.is_error:
                source.response.read()
                _raise_refused(source.response, None)
            yield source.iter_sse()

    def _call(
        self,
        method: str,
        path: str,
        *,
        locate: Locate | None = None,
        params: Query | None = None,
        **arguments: Any,
    ) -> Document:
        given = {key: value for key, value in (params or {}).items() if value is not None}
        with _plain_faults(self.url):
            response = self._http.request(method, path, params=given or None, **arguments)
        if response.is_error:
            _raise_refused(response, locate)
        document = _decode(response)
        if document is None:
            raise _not_a_controller(self.url)
        return document


def _raise_refused(response: httpx.Response, locate: Locate | None) -> None:
    raise RefusedError(response.status_code, _decode(response) or {}, locate)


def _decode(response: httpx.Response) -> Document | None:
    try:
        document = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    return document if isinstance(document, dict) else None


def _not_a_controller(url: str) -> CommandError:
    return CommandError(
        f"{url} answered with something that is not the controller's JSON.",
        hint="Check the URL: is this ovsfleet-controller's REST address, without a path?",
    )


@contextmanager
def _plain_faults(url: str) -> Iterator[None]:
    """Transport faults in a person's words."""
    try:
        yield
    except httpx.ConnectError as error:
        raise CommandError(
            f"Cannot reach the controller at {url}: {error}.",
            hint="Is `ovsfleet-controller run` running, and is OVSFLEET_URL right?",
        ) from error
    except httpx.TimeoutException as error:
        raise CommandError(
            f"The controller at {url} did not answer in time.",
            hint="Try again; if it stays, look at the controller's log.",
            exit_code=ExitCode.TIMEOUT,
        ) from error
    except httpx.HTTPError as error:
        raise CommandError(
            f"The connection to {url} broke off: {error}.", hint="Try again."
        ) from error
