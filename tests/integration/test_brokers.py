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
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from kombu.exceptions import OperationalError

from controller.config import Settings
from controller.jobs.app import make_app
from controller.jobs.delivery import QUEUE, await_broker
from controller.store.engine import Database
from tests.support.background import Bench
from tests.support.ports import free_port
from tests.support.rabbitmq import RabbitMQServer
from tests.support.redis import RedisServer
from tests.support.tls import ServerCertificate, make_certificate
from tests.support.waiting import await_exit

# One worker of the test run has all of them, so that each server is started once.
pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(400),
]

LOST = timedelta(minutes=1)
"""After so long the message of a job that still waits counts as lost."""


Server = RedisServer | RabbitMQServer


@dataclass(frozen=True)
class Servers:
    redis: RedisServer
    rabbitmq: RabbitMQServer
    identity: ServerCertificate


@dataclass(frozen=True)
class Broker:
    """What the tests do to a broker while it is in use; ``url`` is None for files."""

    url: str | None
    wipe: Callable[[Path], None]


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Both servers, not started yet."""
    folder = Path(tempfile.mkdtemp(prefix="ovsfleet-broker-"))
    folder.chmod(0o755)
    identity = make_certificate(folder)
    made = Servers(
        RedisServer(folder / "redis", identity),
        RabbitMQServer(folder / "rabbitmq", identity),
        identity,
    )
    yield made
    made.redis.stop()
    made.rabbitmq.end()
    shutil.rmtree(folder)


@pytest.fixture(params=["redis", "rabbitmq"])
def server(request: pytest.FixtureRequest, servers: Servers) -> Server:
    chosen: Server = getattr(servers, request.param)
    return chosen


@pytest.fixture(params=["files", "redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest, servers: Servers) -> Broker:
    if request.param == "files":
        return Broker(None, _remove_files)
    server: Server = getattr(servers, request.param)
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


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    await_exit(process.pid, within=60)


def attempts(bench: Bench, job_id: UUID) -> int:
    return bench.jobs()[job_id][1]


def pruned(bench: Bench) -> int:
    """What the workers say that they pruned, all of them together."""
    return sum(int(count) for count in re.findall(r'"count": (\d+)', bench.log()))


def both_wait(bench: Bench) -> None:
    bench.until(lambda: away(bench, "worker") and away(bench, "beat"), "both wait")


def both_are_back(bench: Bench) -> None:
    bench.until(lambda: not away(bench, "worker") and not away(bench, "beat"), "both are back")


def away(bench: Bench, role: str) -> bool:
    said = [event for event in bench.events(role) if event.startswith("Broker can")]
    return said[-1:] == ["Broker cannot be used"]


def test_a_broker_that_is_away_holds_nobody_up_and_is_used_again_when_it_is_back(
    db: Database, data_dir: Path, server: Server
) -> None:
    data_dir.mkdir()
    bench = Bench(db, data_dir, broker_url=server.url)
    server.stop()
    early = bench.enqueue_prune("early", age=LOST)
    bench.send(early)
    with bench.running("worker", "beat") as processes:
        both_wait(bench)
        server.start()
        bench.reaches(early, "done")
        both_are_back(bench)
        # Many, so that it goes away in the middle of a message's acknowledgement.
        many = [bench.enqueue_prune(f"job {n}", age=LOST) for n in range(40)]
        for job_id in many:
            bench.send(job_id)
        bench.reaches(many[10], "done")
        server.stop()
        bench.send(many[0])
        both_wait(bench)
        server.start()
        for job_id in many:
            bench.reaches(job_id, "done")
        assert [process.poll() for process in processes.values()] == [None, None]


def test_a_job_whose_worker_is_killed_before_and_then_after_its_effect_is_done_once(
    bench: Bench,
) -> None:
    old = bench.add_finished()
    job_id = bench.enqueue_prune("now")
    bench.send(job_id)
    with (
        psycopg.connect(bench.db.url) as effect,
        psycopg.connect(bench.db.url) as result,
        bench.running("beat"),
    ):
        # The DELETE of both workers waits for this lock.
        lock(effect, old)
        with bench.running("worker") as first:
            bench.reaches(job_id, "running")
            kill(first["worker"])
        # On a busy machine a lease may end, and a worker take the job from itself, at any time.
        given_up = attempts(bench, job_id)
        assert old in bench.jobs()
        with bench.running("worker") as second:
            bench.until(lambda: attempts(bench, job_id) > given_up, "taken over")
            # And then the word that it is done waits for this one.
            lock(result, job_id)
            effect.rollback()
            bench.until(lambda: pruned(bench) == 1, "pruned, and said so")
            kill(second["worker"])
        taken_over = attempts(bench, job_id)
        result.rollback()
        with bench.running("worker"):
            assert bench.reaches(job_id, "done") > taken_over
    assert old not in bench.jobs()
    assert pruned(bench) == 1


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


def test_a_queue_that_is_deleted_and_at_once_made_again_is_served(
    db: Database, data_dir: Path, servers: Servers
) -> None:
    """RabbitMQ then says nothing to whoever consumes from it, and sends it nothing."""
    data_dir.mkdir()
    servers.rabbitmq.start()
    bench = Bench(db, data_dir, broker_url=servers.rabbitmq.url)
    app = make_app(bench.settings)
    with bench.running("worker", "beat"):
        bench.reaches(bench.enqueue_prune("before", age=LOST), "done")
        with app.connection_for_write() as connection:
            queue = app.amqp.queues[QUEUE](connection.default_channel)
            queue.delete()
            queue.declare()
        bench.reaches(bench.enqueue_prune("after", age=LOST), "done")


def test_processes_that_wait_for_their_broker_end_when_they_are_asked_to(
    db: Database, data_dir: Path
) -> None:
    data_dir.mkdir()
    nobody = f"amqp://fleet:hunter2@127.0.0.1:{free_port()}//"
    bench = Bench(db, data_dir, broker_url=nobody)
    with bench.running("worker", "beat") as processes:
        both_wait(bench)
        for process in processes.values():
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(60) for process in processes.values()]
    assert codes == [0, 0]
    assert "OVSFLEET_BROKER_URL" in bench.log()
    assert "hunter2" not in bench.log()


def test_tls_asks_for_a_certificate_that_the_machine_trusts(
    server: Server, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.start()
    app = make_app(Settings(data_dir=tmp_path, broker_url=server.tls_url))
    with app.connection_for_write() as connection, pytest.raises(OperationalError, match="verify"):
        connection.ensure_connection(max_retries=0)
    monkeypatch.setenv("SSL_CERT_FILE", str(servers.identity.certificate))
    with app.connection_for_write() as connection:
        await_broker(app, connection, check_stop=lambda: None)
        assert connection.connected
