"""Worker and beat as real processes on the default broker and a real PostgreSQL.

What the three brokers must have in common is in test_brokers.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from controller.domain.intent import Kind
from controller.domain.status import Phase
from controller.services import jobs, queries, status
from controller.store.engine import Database
from tests.support.background import Bench
from tests.support.manifests import ADMIN, apply, host

# Deadlines are for machines that are busy with other tests.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]


@pytest.fixture
def bench(db: Database, data_dir: Path) -> Bench:
    data_dir.mkdir()
    return Bench(db, data_dir)


def test_a_silent_host_becomes_unknown(bench: Bench) -> None:
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
        codes = [process.wait(60) for process in processes.values()]
    assert codes == [0, 0]


@pytest.mark.parametrize("module", ["app", "tasks", "worker", "beat"])
def test_importing_the_jobs_loads_no_grpc(module: str) -> None:
    program = f"import sys, controller.jobs.{module}; sys.exit('grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
