"""Who is told what happens, and whether it got there. Owns nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from controller.client.fleet.calls import Calls
from controller.client.fleet.collections import pages
from controller.client.fleet.documents import Json
from controller.client.fleet.manifests import if_match
from controller.client.rest import PAGE_SIZE


class Webhooks:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def get(self, name: str) -> Json:
        return self._of_one("get_webhook", name)

    def list(self) -> Iterator[Json]:
        return pages(self._calls, "list_webhooks", PAGE_SIZE, {})

    def create(self, webhook: Mapping[str, Any]) -> Json:
        """The answer is the only one that shows the secret. Is not repeated by the client."""
        made: Json = self._calls.send("create_webhook", body=webhook)
        return made

    def replace(self, webhook: Mapping[str, Any], *, revision: int | None = None) -> Json:
        """With ``revision`` only if the webhook is still at it."""
        headers = if_match(revision)
        return self._of_one("replace_webhook", webhook["name"], headers=headers, body=webhook)

    def delete(self, name: str, *, revision: int | None = None) -> None:
        """With ``revision`` only if the webhook is still at it."""
        self._of_one("delete_webhook", name, headers=if_match(revision))

    def test(self, name: str) -> Json:
        """Sends a message that means nothing; ``deliveries`` tells what became of it."""
        return self._of_one("test_webhook", name)

    def deliveries(self, name: str) -> Sequence[Json]:
        """The last hundred, newest first."""
        items: Sequence[Json] = self._of_one("list_webhook_deliveries", name)["items"]
        return items

    def _of_one(self, operation: str, name: str, **more: Any) -> Json:
        answer: Json = self._calls.send(operation, path={"name": name}, **more)
        return answer
