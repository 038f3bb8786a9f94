"""What the log looks like, and what never gets into it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from controller.observability import configure_logging, get_logger


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


_SECRET = "hunter2"


def _fail_with(credential: str) -> None:
    raise ValueError(len(credential))


def test_a_line_is_one_json_object_with_its_keys(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json", "server")
    get_logger("controller.test").info("Host enrolled", host="h1")
    line = json.loads(capsys.readouterr().err)
    timestamp = line.pop("timestamp")
    assert timestamp.endswith("Z")
    assert line == {
        "event": "Host enrolled",
        "host": "h1",
        "level": "info",
        "logger": "controller.test",
        "role": "server",
    }


def test_the_lines_of_libraries_look_like_ours(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json", "worker")
    logging.getLogger("celery.worker").warning("lost %s", "broker")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["role"], line["level"]) == ("lost broker", "worker", "warning")


def test_a_secret_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "console", "server")
    get_logger("controller.test").info("Token made", token="ovsf_hunter2")
    assert "hunter2" not in capsys.readouterr().err


def test_a_traceback_on_the_console_shows_no_local_variables(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("info", "console", "server")
    try:
        _fail_with(_SECRET)
    except ValueError:
        get_logger("controller.test").exception("Fault")
    written = capsys.readouterr().err
    assert "ValueError" in written
    assert _SECRET not in written


def test_of_migrations_only_the_steps_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json", "migrate")
    configure_logging("info", "json", "server")
    logging.getLogger("alembic.runtime.plugins").info("setup plugin %s", "x")
    migration = logging.getLogger("alembic.runtime.migration")
    migration.info("Context impl %s.", "PostgresqlImpl")
    migration.info("Running %s", "upgrade  -> 0001")
    migration.warning("odd")
    written = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert written == ["Running upgrade  -> 0001", "odd"]


def test_a_line_break_in_a_value_cannot_forge_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json", "server")
    get_logger("controller.test").info("Host enrolled", host='h1\n{"event": "forged"}')
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_less_severe_lines_than_asked_for_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("warning", "json", "server")
    get_logger("controller.test").info("Quiet")
    assert capsys.readouterr().err == ""
