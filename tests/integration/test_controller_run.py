"""``ovsfleet-controller run`` as a person starts it, and what comes of killing its parts."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.controller_process import COMMAND, children, controller, environment, roles
from tests.support.data_dir import PreparedFolder, data_folder
from tests.support.ports import free_port
from tests.support.waiting import await_exit, eventually

# Deadlines are for machines that are busy with other tests; a start takes two seconds.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

WITHIN_S = 150.0
ROLES = {"postgres", "server", "worker", "beat"}


@dataclass
class Controller:
    """A whole controller on ports of its own."""

    data_dir: Path
    port: int
    env: dict[str, str]

    @property
    def log(self) -> Path:
        return self.data_dir.parent / "log"

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        with controller(self.env, "run", log=self.log) as process:
            yield process

    def readiness(self) -> int:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).status_code
        except httpx.TransportError:
            return 0

    def gets_ready(self) -> None:
        eventually(
            lambda: self.readiness() == 200, within=WITHIN_S, what=lambda: f"ready\n{self.tail()}"
        )

    def fleet(self, token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"http://127.0.0.1:{self.port}/v1/fleet", headers=headers, timeout=10)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments], env=self.env, capture_output=True, text=True, check=False
        )

    def tail(self) -> str:
        return self.log.read_text()[-6000:] if self.log.exists() else "(no log)"

    def events(self) -> list[str]:
        lines = self.log.read_text().splitlines()
        return [json.loads(line)["event"] for line in lines if line.startswith("{")]


@dataclass
class Writer:
    """Creates segments one after the other and remembers those it got an answer for."""

    port: int
    token: str
    acknowledged: set[str]
    tried: int = 0

    def write_until(self, count: int) -> None:
        eventually(
            lambda: self._write() and len(self.acknowledged) >= count,
            within=WITHIN_S,
            what=lambda: f"{count} acknowledged writes, there are {len(self.acknowledged)}",
        )

    def _write(self) -> bool:
        self.tried += 1
        name = f"s{self.tried}"
        try:
            answer = self._ask("POST", json={"metadata": {"name": name}, "spec": {}})
        except httpx.TransportError:
            return False
        # Without its database the server says so; anything else would be a fault of its own.
        assert answer.status_code in (201, 503), answer.text
        if answer.status_code == 201:
            self.acknowledged.add(name)
        return answer.status_code == 201

    def stored(self) -> set[str]:
        answer = self._ask("GET", params={"page_size": 1000})
        return {item["metadata"]["name"] for item in answer.json()["items"]}

    def _ask(self, method: str, **words: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"http://127.0.0.1:{self.port}/v1/segments"
        return httpx.request(method, url, headers=headers, timeout=10, **words)


def controller_on(data_dir: Path) -> Controller:
    port = free_port()
    env = environment(
        data_dir,
        rest_port=port,
        southbound_address=f"127.0.0.1:{free_port()}",
        enrolment_address=f"127.0.0.1:{free_port()}",
    )
    return Controller(data_dir, port, env)


@pytest.fixture
def first(data_dir: Path) -> Controller:
    """A controller that has nothing yet."""
    return controller_on(data_dir)


@pytest.fixture
def whole(data_dir: Path, prepared_folder: PreparedFolder) -> Controller:
    """A controller whose PostgreSQL is made and has no schema yet."""
    prepared_folder.copy_to(data_dir)
    return controller_on(data_dir)


@dataclass
class Running:
    controller: Controller
    supervisor: int


@pytest.fixture(scope="module")
def running(prepared_folder: PreparedFolder) -> Iterator[Running]:
    """A controller that runs, for tests that leave it running."""
    with data_folder() as data_dir:
        prepared_folder.copy_to(data_dir)
        made = controller_on(data_dir)
        with made.running() as supervisor:
            made.gets_ready()
            yield Running(made, supervisor.pid)


def test_a_first_start_serves_and_a_stop_leaves_nothing_running(first: Controller) -> None:
    with first.running() as supervisor:
        first.gets_ready()
        assert set(roles(supervisor.pid)) == ROLES
        pids = children(supervisor.pid)
        supervisor.send_signal(signal.SIGTERM)
        assert supervisor.wait(30) == 0, first.tail()
        assert supervisor.stdout is not None
        (announced,) = [x for x in supervisor.stdout.read().splitlines() if "admin token" in x]
    for pid in pids:
        await_exit(pid, within=0)
    token_file = first.data_dir / "admin-token"
    assert announced == f"admin token: {token_file.read_text().strip()}"
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    assert "Process died, starting it again" not in first.events()


def test_an_open_watch_does_not_hold_up_a_stop(whole: Controller) -> None:
    with whole.running() as supervisor:
        whole.gets_ready()
        token = (whole.data_dir / "admin-token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{whole.port}/v1/watch"
        with httpx.stream("GET", url, headers=headers, timeout=30) as watch:
            lines = watch.iter_lines()
            assert any(line == "event: synced" for line in lines)
            supervisor.send_signal(signal.SIGTERM)
            # To the end of the body: a stream that is cut off instead raises.
            assert not any(line == "event: change" for line in lines)
        assert supervisor.wait(30) == 0, whole.tail()
    assert not [event for event in whole.events() if "graceful shutdown exceeded" in event]


def test_the_next_start_works_after_the_supervisor_is_killed(whole: Controller) -> None:
    with whole.running() as first:
        whole.gets_ready()
        pids = children(first.pid)
        first.kill()
        first.wait()
        with whole.running() as second:
            whole.gets_ready()
            for pid in pids:
                await_exit(pid, within=0)
            token = (whole.data_dir / "admin-token").read_text().strip()
            assert whole.fleet(token).status_code == 200
            second.send_signal(signal.SIGTERM)
            assert second.wait(30) == 0, whole.tail()
            assert second.stdout is not None
            assert "admin token" not in second.stdout.read()


def test_no_acknowledged_write_is_lost_when_parts_or_the_whole_are_killed(
    whole: Controller,
) -> None:
    acknowledged: set[str] = set()
    unlucky = iter(("server", "postgres", "server", "postgres"))
    with whole.running() as first:
        whole.gets_ready()
        token = (whole.data_dir / "admin-token").read_text().strip()
        writer = Writer(whole.port, token, acknowledged)
        for name in unlucky:
            writer.write_until(len(acknowledged) + 15)
            os.kill(roles(first.pid)[name], signal.SIGKILL)
        writer.write_until(len(acknowledged) + 15)
        first.kill()
        first.wait()
    with whole.running():
        whole.gets_ready()
        writer.write_until(len(acknowledged) + 5)
        assert acknowledged <= writer.stored()


def test_each_part_that_is_killed_comes_back_and_the_others_stay(running: Running) -> None:
    whole = running.controller
    for victim in sorted(ROLES):
        whole.gets_ready()
        before = roles(running.supervisor)
        os.kill(before[victim], signal.SIGKILL)
        await_exit(before[victim], within=30)
        after = eventually(
            lambda: complete_without(before[victim], roles(running.supervisor)),  # noqa: B023
            within=WITHIN_S,
            what=lambda: f"{victim} again\n{whole.tail()}",  # noqa: B023
        )
        others = ROLES - {victim}
        assert {name: after[name] for name in others} == {name: before[name] for name in others}
    whole.gets_ready()


def complete_without(pid: int, now: dict[str, int]) -> dict[str, int]:
    return now if set(now) == ROLES and pid not in now.values() else {}


def test_a_second_controller_on_the_same_folder_is_refused(running: Running) -> None:
    refused = running.controller.command("run")
    assert running.controller.readiness() == 200
    assert refused.returncode == 1
    assert "another controller runs in" in refused.stderr


def test_tokens_are_made_and_listed_from_the_command_line(running: Running) -> None:
    made = running.controller.command("token", "create", "ci", "--role", "viewer")
    assert made.returncode == 0, made.stderr
    assert running.controller.fleet(made.stdout.strip()).status_code == 200
    listed = running.controller.command("token", "list")
    assert "ci\tviewer\tall" in listed.stdout
    assert made.stdout.strip() not in listed.stdout


def test_a_database_that_does_not_answer_is_reported_with_the_way_out(first: Controller) -> None:
    first.env["OVSFLEET_DATABASE_URL"] = f"postgresql://u:hunter2@127.0.0.1:{free_port()}/x"
    answer = first.command("token", "list")
    assert answer.returncode == 1
    assert "check OVSFLEET_DATABASE_URL" in answer.stderr
    assert "hunter2" not in answer.stderr


def test_a_setting_that_cannot_be_used_ends_the_command_by_its_name(first: Controller) -> None:
    first.env["OVSFLEET_REST_PORT"] = "http"
    answer = first.command("run")
    assert answer.returncode == 2
    assert answer.stderr.startswith("ovsfleet-controller: OVSFLEET_REST_PORT: ")


def test_a_port_that_is_taken_is_named_and_taken_over_once_it_is_free(whole: Controller) -> None:
    with socket.create_server(("127.0.0.1", whole.port)) as taken, whole.running():
        eventually(
            lambda: whole.log.exists() and "change OVSFLEET_REST_HOST" in whole.log.read_text(),
            within=WITHIN_S,
            what="the taken port named",
        )
        taken.close()
        whole.gets_ready()


def test_an_external_database_is_migrated_and_served_without_an_embedded_one(
    first: Controller, empty_database_url: str
) -> None:
    first.env["OVSFLEET_DATABASE_URL"] = empty_database_url
    with first.running() as supervisor:
        first.gets_ready()
        assert set(roles(supervisor.pid)) == ROLES - {"postgres"}
    assert not (first.data_dir / "postgres").exists()


def test_the_version_is_that_of_the_installed_package(first: Controller) -> None:
    assert first.command("version").stdout.strip()[0].isdigit()
