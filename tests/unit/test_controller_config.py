"""Settings: what is read, what is refused, and that every knob is explained."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from controller.config import Settings, SettingsError, load_settings, split_address


def test_every_setting_says_what_it_means() -> None:
    unexplained = [name for name, field in Settings.model_fields.items() if not field.description]
    assert unexplained == []


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("OVSFLEET_REST_PORT", "x", "integer"),
        ("OVSFLEET_REST_PORT", "70000", "65535"),
        ("OVSFLEET_SOUTHBOUND_ADDRESS", "9443", "host:port"),
        ("OVSFLEET_SOUTHBOUND_ADDRESS", "::1:9443", r"\[address\]:port"),
        ("OVSFLEET_ENROLMENT_ADDRESS", "host:99999", "0 to 65535"),
        ("OVSFLEET_DATABASE_URL", "mysql://db", "postgresql://"),
        ("OVSFLEET_BROKER_URL", "kafka://b", "redis://"),
        ("OVSFLEET_BROKER_URL", "filesystem://", "redis://.*unset for files"),
        ("OVSFLEET_BROKER_URL", "redis", "redis://"),
        ("OVSFLEET_BROKER_URL", "amqp://", "amqp://host:port"),
        ("OVSFLEET_BROKER_URL", "redis://:secret@/0", "redis://host:port"),
        ("OVSFLEET_BROKER_URL", "redis://b:port/0", "host:port"),
        ("OVSFLEET_BROKER_URL", "redis://a/0;redis://b/0", "one broker"),
        ("OVSFLEET_BROKER_URL", "redis://b/0?password=secret", "password before the @"),
        ("OVSFLEET_BROKER_URL", "amqp://b/v?login_method=PLAIN&userid=u", "before the @"),
        ("OVSFLEET_BROKER_URL", "amqp://b/v?nonsense=1", "login_method"),
        ("OVSFLEET_DATA_DIR", "state", "absolute path"),
        ("OVSFLEET_LOG_LEVEL", "loud", "'debug', 'info'"),
        ("OVSFLEET_HEARTBEAT_INTERVAL_MS", "0", "100"),
        ("OVSFLEET_LIVENESS_SILENCE_S", "-1", "greater than 0"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"{variable}: .*{reason}"):
        load_settings()


def test_every_value_at_fault_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVSFLEET_REST_PORT", "x")
    monkeypatch.setenv("OVSFLEET_LOG_FORMAT", "xml")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    named = re.findall(r"^(OVSFLEET_\w+):", str(refused.value), re.MULTILINE)
    assert sorted(named) == ["OVSFLEET_LOG_FORMAT", "OVSFLEET_REST_PORT"]


@pytest.mark.parametrize(
    "url",
    [
        "redis://b",
        "redis://:p@b:6379/1",
        "rediss://b",
        "amqp://u:p@[::1]:5672/v",
        "amqps://u:p@b//",
        "amqps://u:p@b/v?login_method=PLAIN&ssl_ca_certs=/etc/ssl/ca.pem",
    ],
)
def test_the_brokers_that_we_carry_jobs_over_are_taken(url: str) -> None:
    assert load_settings(broker_url=url).broker_url == url


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("OVSFLEET_DATABASE_URL", "oracle://user:hunter2@db/x"),
        ("OVSFLEET_BROKER_URL", "amqp://user:hunter2@b:port//"),
        ("OVSFLEET_BROKER_URL", "amqp://b//?password=hunter2"),
    ],
)
def test_a_refused_url_does_not_show_its_password(
    monkeypatch: pytest.MonkeyPatch, variable: str, url: str
) -> None:
    monkeypatch.setenv(variable, url)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "hunter2" not in str(refused.value)


def test_silence_is_three_heartbeats_unless_it_is_set() -> None:
    assert load_settings(heartbeat_interval_ms=500).silence_s == 1.5
    assert load_settings(heartbeat_interval_ms=500, liveness_silence_s=9).silence_s == 9


def test_an_address_splits_into_host_and_port() -> None:
    assert split_address("192.0.2.1:9443") == ("192.0.2.1", 9443)
    assert split_address("[::1]:1") == ("::1", 1)


def test_the_environment_wins_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVSFLEET_DATA_DIR", "/srv/fleet")
    assert load_settings().data_dir == Path("/srv/fleet")
