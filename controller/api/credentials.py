"""Remembers for a moment who a token belongs to, so that a page full of requests asks once.

Owns the memory of one process. A revoked token works for at most ``TTL_SECONDS`` longer. Secrets
are kept as hashes only.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from controller.auth import Principal
from controller.services import tokens
from controller.store.engine import Database

TTL_SECONDS = 2.0
_MOST = 1024


@dataclass(slots=True)
class Credentials:
    db: Database
    now: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic
    _known: dict[bytes, tuple[float, Principal]] = field(default_factory=dict)

    def authenticate(self, secret: str) -> Principal:
        """UnauthenticatedError when the token is not valid (any more). Blocks on the database."""
        key = hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
        found = self._known.get(key)
        if found is not None and self.monotonic() < found[0]:
            return found[1]
        until = self.monotonic() + TTL_SECONDS
        principal = tokens.authenticate(self.db, secret, now=self.now())
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = (until, principal)
        return principal
