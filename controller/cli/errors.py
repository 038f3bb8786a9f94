"""The one error of the commands themselves; its message is for the person at the terminal."""

from __future__ import annotations


class CommandError(Exception):
    """A command cannot go on; the message says why and what to do."""
