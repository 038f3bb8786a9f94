"""Where the controllers are and with which token to talk to each.

Owns ``config.yaml`` in the user's configuration directory (mode 0600: it holds the tokens). The
environment wins over the file, so that scripts and CI need no login, and ``--context`` over both.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from controller.client.failures import CommandError, ExitCode

DEFAULT_URL = "http://127.0.0.1:8080"
DEFAULT_NAME = "default"

_CHOSEN: ContextVar[str | None] = ContextVar("chosen", default=None)


@dataclass(frozen=True, slots=True)
class Context:
    url: str
    token: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What the file holds: logins by name, and which of them is used when none is named."""

    current: str
    contexts: Mapping[str, Context]

    def named(self, name: str) -> Context:
        if name not in self.contexts:
            known = ", ".join(sorted(self.contexts)) or "none"
            raise CommandError(
                f"There is no context {name!r}; there are: {known}.",
                hint=f"Run `ovsfleet login URL --name {name}`.",
                exit_code=ExitCode.NOT_FOUND,
            )
        return self.contexts[name]

    def with_login(self, name: str, context: Context) -> Stored:
        return Stored(name, {**self.contexts, name: context})

    def without(self, name: str) -> Stored:
        self.named(name)
        left = {each: context for each, context in self.contexts.items() if each != name}
        return Stored("" if self.current == name else self.current, left)


def config_path() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "ovsfleet" / "config.yaml"


def current() -> Context:
    """What ``--context`` names, else what the environment says, else the login in use.

    A token goes to the controller that it was given for and to no other."""
    stored, chosen = load(), _CHOSEN.get()
    if chosen is not None:
        return stored.named(chosen)
    if url := os.environ.get("OVSFLEET_URL"):
        return _at(check_url(url), os.environ.get("OVSFLEET_TOKEN"), stored)
    if token := os.environ.get("OVSFLEET_TOKEN"):
        return _with_token_alone(token, stored)
    if name := os.environ.get("OVSFLEET_CONTEXT") or stored.current:
        return stored.named(name)
    if stored.contexts:
        raise CommandError(
            f"No login is in use; there are: {', '.join(sorted(stored.contexts))}.",
            hint="Run `ovsfleet context use NAME`, or name one with --context.",
            exit_code=ExitCode.AUTH,
        )
    raise _not_signed_in(DEFAULT_URL)


def _at(url: str, token: str | None, stored: Stored) -> Context:
    known = (each.token for each in stored.contexts.values() if each.url == url)
    if given := token or next(known, ""):
        return Context(url, given)
    raise _not_signed_in(url)


def _with_token_alone(token: str, stored: Stored) -> Context:
    """Nobody can tell which of several controllers it is for."""
    if stored.contexts:
        raise CommandError(
            "OVSFLEET_TOKEN is set, but not OVSFLEET_URL: it could be for any controller.",
            hint="Set OVSFLEET_URL too, or unset OVSFLEET_TOKEN to use a login.",
            exit_code=ExitCode.AUTH,
        )
    return Context(DEFAULT_URL, token)


def _not_signed_in(url: str) -> CommandError:
    return CommandError(
        f"Not signed in to {url}.",
        hint="Run `ovsfleet login URL --token TOKEN`, or set OVSFLEET_URL and OVSFLEET_TOKEN.",
        exit_code=ExitCode.AUTH,
    )


def choose(name: str | None) -> None:
    """What ``--context`` says of the command that runs; None: nothing."""
    _CHOSEN.set(name)


def check_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise CommandError(
            f"{url!r} is not the address of a controller.",
            hint=f"Give a URL such as {DEFAULT_URL} or https://fleet.example.net.",
        )
    return url.rstrip("/")


def is_clear_text(url: str) -> bool:
    """Whether a token sent to this URL can be read on the way."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}


def load() -> Stored:
    found = _read(config_path())
    contexts = found.get("contexts")
    if isinstance(contexts, dict):
        known = {str(name): _context(each) for name, each in contexts.items()}
        return Stored(str(found.get("current") or ""), {n: c for n, c in known.items() if c})
    # Before there were names, there was one login.
    alone = _context(found)
    return Stored(DEFAULT_NAME, {DEFAULT_NAME: alone}) if alone else Stored("", {})


def _context(found: Any) -> Context | None:
    if not isinstance(found, dict) or not found.get("url"):
        return None
    return Context(str(found["url"]), str(found.get("token") or ""))


def save(stored: Stored) -> Path:
    """Replaces the file in one step: a crash leaves the old logins or the new ones."""
    from ruamel.yaml import YAML

    path = config_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".config-")
    contexts = {name: asdict(context) for name, context in sorted(stored.contexts.items())}
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            YAML().dump({"current": stored.current, "contexts": contexts}, file)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document: Any = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise CommandError(
            f"{path} is not valid YAML: {error}", hint="Run `ovsfleet login`."
        ) from error
    return document if isinstance(document, dict) else {}
