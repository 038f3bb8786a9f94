"""The same jobs on each broker: files, Redis and RabbitMQ, with real workers and a real PostgreSQL.

The job row is the truth: what happens to a worker or to the broker changes when a job is done, and
never whether, nor how often.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from controller.domain.intent import Kind
from controller.domain.status import Phase
from controller.services import queries, status
from controller.store.engine import Database
from tests.support.background import Bench
from tests.support.manifests import ADMIN, apply, host
from tests.support.ports import free_port
from tests.support.rabbitmq import RabbitMQServer
from tests.support.redis import RedisServer
from tests.support.waiting import await_exit

# One worker of the test run has all of them, so that each server is started once.
pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("brokers"),
]

LOST = timedelta(minutes=1)
"""After so long the message of a job that still waits counts as lost."""


@dataclass(frozen=True)
class Broker:
    """What the tests do to a broker while it is in use; ``url`` is None for files."""

    url: str | None
    wipe: Callable[[Path], None]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, RedisServer | RabbitMQServer]]:
    """Both servers, not started yet."""
    folder = Path(tempfile.mkdtemp(prefix="ovsfleet-broker-"))
    folder.chmod(0o755)
    redis, rabbitmq = RedisServer(folder / "redis"), RabbitMQServer(folder / "rabbitmq")
    yield {"redis": redis, "rabbitmq": rabbitmq}
    redis.stop()
    rabbitmq.end()
    shutil.rmtree(folder)


@pytest.fixture(params=["redis", "rabbitmq"])
def server(
    request: pytest.FixtureRequest, servers: dict[str, RedisServer | RabbitMQServer]
) -> RedisServer | RabbitMQServer:
    return servers[request.param]


@pytest.fixture(params=["files", "redis", "rabbitmq"])
def broker(
    request: pytest.FixtureRequest, servers: dict[str, RedisServer | RabbitMQServer]
) -> Broker:
    if request.param == "files":
        return Broker(None, _remove_files)
    server = servers[request.param]
    server.start()
    return Broker(server.url, lambda _: server.wipe())


def _remove_files(data_dir: Path) -> None:
    # At one stroke, as far as the processes that use it can tell.
    (data_dir / "broker").rename(data_dir / "was broker")
    shutil.rmtree(data_dir / "was broker")


@pytest.fixture
def bench(db: Database, data_dir: Path, broker: Broker) -> Bench:
    data_dir.mkdir()
    return Bench(db, data_dir, broker_url=broker.url)


def lock(connection: psycopg.Connection, job_id: UUID) -> None:
    connection.execute("SELECT FROM job WHERE id = %s FOR UPDATE", (job_id,))


def test_a_broker_that_is_away_holds_nobody_up_and_is_used_again_when_it_is_back(
    db: Database, data_dir: Path, server: RedisServer | RabbitMQServer
) -> None:
    data_dir.mkdir()
    bench = Bench(db, data_dir, broker_url=server.url)
    server.stop()
    early = bench.enqueue_prune("early", age=LOST)
    bench.send(early)
    with bench.running("worker", "beat") as processes:
        bench.until(lambda: bench.log().count("Broker cannot be used") == 2, "both wait")
        server.start()
        bench.reaches(early, "done")
        server.stop()
        late = bench.enqueue_prune("late", age=LOST)
        bench.send(late)
        bench.until(lambda: bench.log().count("Broker cannot be used") == 4, "both wait again")
        server.start()
        bench.reaches(late, "done")
        assert [process.poll() for process in processes.values()] == [None, None]
    assert set(bench.jobs().values()) == {("done", 1)}


def test_a_job_whose_worker_is_killed_before_and_then_after_its_effect_is_done_once(
    bench: Bench,
) -> None:
    old = bench.add_finished()
    job_id = bench.enqueue_prune("now")
    bench.send(job_id)
    with psycopg.connect(bench.db.url) as effect, psycopg.connect(bench.db.url) as result:
        # The DELETE of both workers waits for this lock.
        lock(effect, old)
        with bench.running("worker") as first:
            assert bench.reaches(job_id, "running") == 1
            kill(first["worker"])
        assert old in bench.jobs()
        with bench.running("worker", "beat") as second:
            bench.until(lambda: bench.jobs()[job_id] == ("running", 2), "taken over")
            # And then the word that it is done waits for this one.
            lock(result, job_id)
            effect.rollback()
            bench.until(lambda: old not in bench.jobs(), "pruned")
            kill(second["worker"])
    with bench.running("worker", "beat"):
        assert bench.reaches(job_id, "done") == 3
    assert sum(int(count) for count in re.findall(r'"count": (\d+)', bench.log())) == 1


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    await_exit(process.pid, within=5)


def test_wiping_the_broker_loses_no_job(bench: Bench, broker: Broker) -> None:
    ids = [bench.enqueue_prune(f"job {n}", age=LOST) for n in range(10)]
    for job_id in ids:
        bench.send(job_id)
    broker.wipe(bench.settings.data_dir)
    with bench.running("worker", "beat"):
        for job_id in ids:
            bench.reaches(job_id, "done")
        broker.wipe(bench.settings.data_dir)
        bench.reaches(bench.enqueue_prune("after the wipe", age=LOST), "done")
        # And what is sent from now on does not need the sweep.
        prompt = bench.enqueue_prune("sent")
        bench.send(prompt)
        bench.reaches(prompt, "done")
    assert {attempt for _, attempt in bench.jobs().values()} == {1}


def test_periodic_work_is_done_whatever_the_broker(bench: Bench) -> None:
    (created,) = apply(bench.db, host(1)).results
    assert created.uid is not None
    now = datetime.now(UTC)
    epoch = status.open_session(bench.db, created.uid, status.SessionStart("n1", "1.0"), now=now)

    def phase() -> Phase:
        return queries.get(bench.db, ADMIN, Kind.HOST, "default", "h1").status.phase

    before = phase()
    with bench.running("worker", "beat"):
        bench.until(lambda: phase() is Phase.UNKNOWN, "host h1 Unknown")
        # Silence is not the end of a session: a host that speaks again is taken back.
        assert status.heartbeat(bench.db, created.uid, epoch, now=datetime.now(UTC))
    assert before is not Phase.UNKNOWN


def test_processes_that_wait_for_their_broker_end_when_they_are_asked_to(
    db: Database, data_dir: Path
) -> None:
    data_dir.mkdir()
    nobody = f"amqp://fleet:hunter2@127.0.0.1:{free_port()}//"
    bench = Bench(db, data_dir, broker_url=nobody)
    with bench.running("worker", "beat") as processes:
        bench.until(lambda: bench.log().count("Broker cannot be used") == 2, "both wait")
        for process in processes.values():
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(20) for process in processes.values()]
    assert codes == [0, 0]
    assert "OVSFLEET_BROKER_URL" in bench.log()
    assert "hunter2" not in bench.log()
