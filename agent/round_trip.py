"""One question to the controller, put again and again until it is answered: are you still there?

Between the closed loop, which knows when to ask, and the stream, which carries it. Each time it is
put with a fresh nonce, and only nonces of the question that stands count: an answer that was on its
way before a change says nothing of what came after. Used on the event loop alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

NONCE_BYTES = 16


def _nothing() -> None:
    """Nobody listens yet."""


class RoundTrip:
    """``on_asked`` and ``on_answered`` wake the two sides."""

    def __init__(self) -> None:
        self.on_asked: Callable[[], None] = _nothing
        self.on_answered: Callable[[], None] = _nothing
        self.is_answered = False
        self._revision: int | None = None
        self._nonces: set[bytes] = set()

    @property
    def is_open(self) -> bool:
        """Whether the question stands, without an answer."""
        return self._revision is not None and not self.is_answered

    def ask(self, revision: int) -> None:
        """Have it asked about ``revision`` from now on, unless it is already."""
        if self._revision != revision:
            self.stop()
            self._revision = revision
            self.on_asked()

    def stop(self) -> None:
        """Withdraw the question, with all answers to it."""
        self._revision = None
        self._nonces.clear()
        self.is_answered = False

    def put(self) -> tuple[bytes, int] | None:
        """What to send now: a fresh nonce and the revision; None when nothing is asked."""
        if self._revision is None or self.is_answered:
            return None
        nonce = secrets.token_bytes(NONCE_BYTES)
        self._nonces.add(nonce)
        return nonce, self._revision

    def hear(self, nonce: bytes) -> None:
        if nonce in self._nonces:
            self.is_answered = True
            self.on_answered()
