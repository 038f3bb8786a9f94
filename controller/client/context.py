"""Where the controller is and with which token to talk to it.

Owns ``config.yaml`` in the user's configuration directory (mode 0600: it holds the token). The
environment wins over the file, so that scripts and CI need no login.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from controller.client.failures import CommandError, ExitCode

DEFAULT_URL = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Context:
    url: str
    token: str


def config_path() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "ovsfleet" / "config.yaml"


def current() -> Context:
    """The environment's URL and token, else those of the last login."""
    stored = _read(config_path())
    url = os.environ.get("OVSFLEET_URL") or stored.get("url") or DEFAULT_URL
    token = os.environ.get("OVSFLEET_TOKEN") or ""
    # A stored token belongs to the controller that issued it and is sent to no other.
    if not token and stored.get("url") == url.rstrip("/"):
        token = stored.get("token", "")
    if not token:
        raise CommandError(
            f"Not signed in to {url}.",
            hint="Run `ovsfleet login URL --token TOKEN`, or set OVSFLEET_URL and OVSFLEET_TOKEN.",
            exit_code=ExitCode.AUTH,
        )
    return Context(check_url(url), token)


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


def save(context: Context) -> Path:
    """Replaces the file in one step: a crash leaves the old login or the new one."""
    from ruamel.yaml import YAML

    path = config_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".config-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            YAML().dump({"url": context.url, "token": context.token}, file)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
    return path


def _read(path: Path) -> dict[str, str]:
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
    if not isinstance(document, dict):
        return {}
    return {str(key): str(value) for key, value in document.items()}
