"""The one error of the embedded PostgreSQL: its message is for the person at the terminal."""

from __future__ import annotations


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot run here; the message says why and what to do."""
