"""Worker and beat as real processes on the default broker and a real PostgreSQL.

The job row is the truth: what happens to a worker or to the broker changes when a job is done, and
never whether.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from controller.config import Settings
from controller.domain.intent import Kind
from controller.domain.status import Phase
from controller.jobs.app import make_app, send_job
from controller.services import jobs, queries, status
from controller.store.engine import Database
from tests.support.controller_process import controller, environment
from tests.support.manifests import ADMIN, apply, host
from tests.support.waiting import await_exit, eventually

# Deadlines are for machines that are busy with other tests.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

WITHIN_S = 120.0
LEASE_S = 1


class Bench:
    """One controller's background processes, and a look at the database they work on."""

    def __init__(self, db: Database, data_dir: Path) -> None:
        self.db = db
        self.settings = Settings(data_dir=data_dir, job_lease_s=LEASE_S)
        self._env = environment(
            data_dir, database_url=db.url, job_lease_s=LEASE_S, heartbeat_interval_ms=200
        )
        self.log = data_dir.parent / "log"

    @contextmanager
    def running(self, *roles: str) -> Iterator[dict[str, subprocess.Popen[str]]]:
        with ExitStack() as stack:
            yield {
                role: stack.enter_context(
                    controller(self._env, "run", "--role", role, log=self.log)
                )
                for role in roles
            }

    def enqueue_prune(self, key: str, *, now: datetime | None = None) -> UUID:
        job_id = jobs.enqueue(
            self.db,
            "prune_jobs",
            {"before": (datetime.now(UTC) - timedelta(days=7)).isoformat()},
            idempotency_key=key,
            now=now or datetime.now(UTC),
        )
        assert job_id is not None
        return job_id

    def send(self, job_id: UUID) -> None:
        send_job(make_app(self.settings), job_id)

    def jobs(self) -> dict[UUID, tuple[str, int]]:
        """State and attempts of every job."""
        with psycopg.connect(self.db.url) as connection:
            rows = connection.execute("SELECT id, state, attempt FROM job").fetchall()
        return {id_: (state, attempt) for id_, state, attempt in rows}

    def reaches(self, job_id: UUID, state: str) -> int:
        """Wait for a job to come to a state; return its attempt."""

        def reached() -> bool:
            return self.jobs().get(job_id, ("", 0))[0] == state

        eventually(
            reached, within=WITHIN_S, what=lambda: f"job {state}\n{self.log.read_text()[-4000:]}"
        )
        return self.jobs()[job_id][1]


@pytest.fixture
def bench(db: Database, data_dir: Path) -> Bench:
    data_dir.mkdir()
    return Bench(db, data_dir)


def finished_long_ago(db: Database) -> UUID:
    """Insert a job that pruning removes: the effect that the tests look for."""
    then = datetime.now(UTC) - timedelta(days=30)
    job_id = jobs.enqueue(db, "prune_jobs", {}, idempotency_key="old", now=then)
    job = jobs.claim(db, job_id, worker="test", lease=timedelta(seconds=1), now=then)
    assert job is not None
    assert jobs.finish(db, job, now=then)
    return job.id


def test_a_silent_host_becomes_unknown(bench: Bench) -> None:
    (created,) = apply(bench.db, host(1)).results
    assert created.uid is not None
    now = datetime.now(UTC)
    epoch = status.open_session(bench.db, created.uid, status.SessionStart("n1", "1.0"), now=now)

    def phase() -> Phase:
        return queries.get(bench.db, ADMIN, Kind.HOST, "default", "h1").status.phase

    before = phase()
    with bench.running("worker", "beat"):
        eventually(
            lambda: phase() is Phase.UNKNOWN,
            within=WITHIN_S,
            what=lambda: f"host h1 Unknown\n{bench.log.read_text()[-4000:]}",
        )
        # Silence is not the end of a session: a host that speaks again is taken back.
        assert status.heartbeat(bench.db, created.uid, epoch, now=datetime.now(UTC))
    assert before is not Phase.UNKNOWN


def test_a_job_of_a_worker_killed_in_the_middle_is_done_once_after_its_lease(
    bench: Bench,
) -> None:
    old = finished_long_ago(bench.db)
    job_id = bench.enqueue_prune("now")
    bench.send(job_id)
    with psycopg.connect(bench.db.url) as holder:
        # The worker's DELETE waits for this lock: it has the job, and cannot finish it.
        holder.execute("SELECT FROM job WHERE id = %s FOR UPDATE", (old,))
        with bench.running("worker") as processes:
            first = bench.reaches(job_id, "running")
            processes["worker"].kill()
            await_exit(processes["worker"].pid, within=5)
    assert old in bench.jobs()
    with bench.running("worker", "beat"):
        second = bench.reaches(job_id, "done")
    assert (first, second) == (1, 2)
    assert old not in bench.jobs()


def test_wiping_the_broker_loses_no_job(bench: Bench) -> None:
    broker = bench.settings.data_dir / "broker"
    # As of a minute ago: their messages have had their time.
    a_minute_ago = datetime.now(UTC) - timedelta(minutes=1)
    ids = [bench.enqueue_prune(f"job {n}", now=a_minute_ago) for n in range(10)]
    for job_id in ids:
        bench.send(job_id)
    shutil.rmtree(broker)
    with bench.running("worker", "beat"):
        for job_id in ids:
            bench.reaches(job_id, "done")
        shutil.rmtree(broker, ignore_errors=True)
        bench.reaches(bench.enqueue_prune("after the wipe", now=a_minute_ago), "done")
    assert {attempt for _, attempt in bench.jobs().values()} == {1}


def test_a_message_sent_twice_does_a_job_once(bench: Bench) -> None:
    job_id = bench.enqueue_prune("twice")
    bench.send(job_id)
    bench.send(job_id)
    later = bench.enqueue_prune("later")
    bench.send(later)
    with bench.running("worker"):
        bench.reaches(job_id, "done")
        bench.reaches(later, "done")
    assert set(bench.jobs().values()) == {("done", 1)}


def test_a_job_of_an_unknown_kind_fails_and_says_so(bench: Bench) -> None:
    job_id = jobs.enqueue(bench.db, "walk_the_dog", {}, idempotency_key="k", now=datetime.now(UTC))
    assert job_id is not None
    bench.send(job_id)
    with bench.running("worker"):
        bench.reaches(job_id, "failed")
    with psycopg.connect(bench.db.url) as connection:
        row = connection.execute("SELECT error FROM job WHERE id = %s", (job_id,)).fetchone()
    assert row == ("this version knows no job of kind walk_the_dog",)


def test_a_worker_that_is_asked_to_stop_ends_well_and_has_never_loaded_grpc(
    bench: Bench,
) -> None:
    job_id = bench.enqueue_prune("one")
    bench.send(job_id)
    with bench.running("worker", "beat") as processes:
        bench.reaches(job_id, "done")
        for process in processes.values():
            assert "cygrpc" not in Path(f"/proc/{process.pid}/maps").read_text()
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(20) for process in processes.values()]
    assert codes == [0, 0]


@pytest.mark.parametrize("module", ["app", "tasks", "worker", "beat"])
def test_importing_the_jobs_loads_no_grpc(module: str) -> None:
    program = f"import sys, controller.jobs.{module}; sys.exit('grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
