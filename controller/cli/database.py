"""Where a command finds its database, and how long it waits for it."""

from __future__ import annotations

import time

from controller.cli.errors import CommandError
from controller.config import Settings
from controller.domain.errors import UnavailableError
from controller.embedded import socket_url
from controller.observability import get_logger
from controller.store import migrate

log = get_logger(__name__)

WAIT_S = 60.0
"""Long enough for a database that starts together with us, short enough for a person to wait."""

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 0.25
_SAY_EVERY_S = 5.0


def database_url(settings: Settings) -> str:
    """Return the external database's URL, or that of the embedded one."""
    return settings.database_url or socket_url(settings.data_dir)


def wait_for_database(settings: Settings, *, migrated: bool, wait_s: float = WAIT_S) -> str:
    """Wait until the database answers (and is migrated, if asked); return its URL."""
    url = database_url(settings)
    # Once: finding it out reads the migrations, and every process of a start polls here.
    wanted = migrate.newest() if migrated else None
    began = said = time.monotonic()
    pause = _FIRST_PAUSE_S
    while (problem := _problem(url, wanted)) is not None:
        now = time.monotonic()
        if now - began > wait_s:
            raise CommandError(f"{problem} for {wait_s:g} s; {_way_out(settings)}")
        if now - said > _SAY_EVERY_S:
            log.warning("Waiting for the database", problem=problem)
            said = now
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_S)
    return url


def _problem(url: str, wanted: str | None) -> str | None:
    try:
        current = migrate.current(url)
    except UnavailableError:
        return "the database did not answer"
    if wanted is not None and current != wanted:
        return "the database was not at this version's schema"
    return None


def _way_out(settings: Settings) -> str:
    if settings.database_url is not None:
        return (
            "check OVSFLEET_DATABASE_URL and that server's log, and run: "
            "ovsfleet-controller migrate"
        )
    return "start the embedded one with: ovsfleet-controller run"
