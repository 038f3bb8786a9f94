"""The agent's settings: environment variables ``OVSFLEET_AGENT_*``, with the reason for each.

Read once by the composition root and handed down as values; nothing below ``daemon`` reads the
environment (``failpoints`` excepted, which exists for fault tests). Holds no state.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

NO_OVSDB = "none"
NO_JOURNAL = "none"


class Settings(BaseSettings):
    """Everything an operator may decide about one agent."""

    model_config = SettingsConfigDict(env_prefix="OVSFLEET_AGENT_", frozen=True)

    state_dir: Path = Field(
        default=Path("/var/lib/ovsfleet-agent"),
        description="Identity and last accepted state; what survives a reboot lives here.",
    )
    ovsdb: str = Field(
        default="unix:/run/openvswitch/db.sock",
        description=(
            "Where ovsdb-server listens, as in ovs-vsctl --db; `none` on a host that is meant to "
            "have no Open vSwitch."
        ),
    )
    ovsdb_journal: str = Field(
        default="",
        description=(
            "The file of ovsdb-server's database, read to tell who changed a row; empty: where "
            "its packages have it, `none`: not read."
        ),
    )
    controller: str = Field(
        default="",
        description="host:port of the southbound service; empty: the one named by the join token.",
    )
    join_token: SecretStr = Field(
        default=SecretStr(""),
        description="Lets `run` enrol by itself when the host has no identity yet.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "json"
    resync_s: float = Field(
        default=600.0, gt=0, description="Seconds between looks at the host when nothing happens."
    )
    retry_min_s: float = Field(default=0.2, gt=0, description="First back-off after a failure.")
    retry_max_s: float = Field(default=30.0, gt=0, description="Longest back-off after a failure.")
    apply_deadline_s: float = Field(
        default=10.0,
        gt=0,
        description="How long ovs-vswitchd may take to act on a transaction before it counts.",
    )

    metrics_address: str = Field(
        default="127.0.0.1:9475",
        description="host:port of the Prometheus endpoint; empty: none. It asks for no password.",
    )
    stats_reports: int = Field(
        default=60, ge=1, description="Statistics reports kept for a controller that is away."
    )

    @field_validator("metrics_address")
    @classmethod
    def _check_metrics_address(cls, value: str) -> str:
        parse_address(value)
        return value

    @field_validator("controller")
    @classmethod
    def _check_controller(cls, value: str) -> str:
        """Which devices lead there has to be known: only what can be looked up is taken."""
        if value.startswith(("unix:", "unix-abstract:")):
            return value
        host = value.rpartition(":")[0]
        if parse_address(value) and ("/" in host or (":" in host and not host.startswith("["))):
            raise ValueError(f"{value!r} is no address; write host:port, or [IPv6]:port")
        return value

    @field_validator("ovsdb")
    @classmethod
    def _check_ovsdb(cls, value: str) -> str:
        if value != NO_OVSDB and not value.startswith("unix:"):
            raise ValueError(f"{value!r}: ovsdb-server must be on this host: unix:SOCKET, or none")
        return value

    @property
    def ovsdb_remote(self) -> str | None:
        """None on a host without Open vSwitch."""
        return None if self.ovsdb == NO_OVSDB else self.ovsdb

    @property
    def metrics_endpoint(self) -> tuple[str, int] | None:
        return parse_address(self.metrics_address)

    @property
    def identity_dir(self) -> Path:
        return self.state_dir / "identity"


def parse_address(text: str) -> tuple[str, int] | None:
    """``host:port`` or ``[IPv6]:port`` in its two parts; None for the empty text."""
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not _is_name(host) or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text!r} is no address; write host:port, for example 127.0.0.1:9475")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _is_name(host: str) -> bool:
    """Whether the resolver can be asked for it at all."""
    try:
        return bool(host.encode("idna"))
    except UnicodeError:
        return False
