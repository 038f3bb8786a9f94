"""What the application is given at composition: everything it does not make itself.

Owns nothing. The southbound side is not imported; what is needed of it comes in as a callable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from controller.store.engine import Database

BODY_LIMIT = 32 * 1024 * 1024
"""Bytes of a request body: some hundred thousand objects, and no danger to the process."""

DASHBOARD = Path(__file__).parent.parent / "dashboard" / "dist"


class JoinTokens(Protocol):
    """Wraps a join secret into the string that a person pastes on the host."""

    def __call__(self, *, host: str, secret: str) -> str: ...


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppContext:
    db: Database
    stats_db: Database
    """The same database through connections of their own: who reads rates waits for others who do,
    and nobody's intent waits for them."""
    join_token: JoinTokens
    migrated: Callable[[], bool]
    """Whether the database is at this version's migration; may raise UnavailableError."""
    allow_loopback_webhooks: bool = False
    """Whether webhooks may name this machine as their receiver (labs only)."""
    listened: Callable[[], timedelta] = timedelta
    """For how long hosts could make themselves heard here without a break."""
    dashboard: Path = DASHBOARD
    """Folder of the built dashboard; the API works without it."""
    body_limit: int = BODY_LIMIT
    now: Callable[[], datetime] = _utc_now
