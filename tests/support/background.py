"""One controller's worker and beat as real processes, and a look at the database they work on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg

from controller.config import Settings
from controller.jobs.app import make_app
from controller.jobs.delivery import send_job
from controller.services import jobs
from controller.store.engine import Database
from tests.support.controller_process import controller, environment
from tests.support.waiting import eventually

# For machines that are busy with other tests.
WITHIN_S = 120.0
LEASE_S = 1


class Bench:
    def __init__(
        self, db: Database, data_dir: Path, *, broker_url: str | None = None, **settings: object
    ) -> None:
        self.db = db
        self.settings = Settings(data_dir=data_dir, job_lease_s=LEASE_S, broker_url=broker_url)
        broker = {} if broker_url is None else {"broker_url": broker_url}
        self._env = environment(
            data_dir,
            database_url=db.url,
            job_lease_s=LEASE_S,
            heartbeat_interval_ms=200,
            **broker,
            **settings,
        )
        self._app = make_app(self.settings)
        self._log = data_dir.parent / "log"

    @contextmanager
    def running(self, *roles: str) -> Iterator[dict[str, subprocess.Popen[str]]]:
        with ExitStack() as stack:
            yield {
                role: stack.enter_context(
                    controller(self._env, "run", "--role", role, log=self._log)
                )
                for role in roles
            }

    def enqueue_prune(self, key: str, *, age: timedelta = timedelta()) -> UUID:
        """Store a job that deletes what finished long ago; nobody is told."""
        job_id = jobs.enqueue(
            self.db,
            "prune_jobs",
            {"before": (datetime.now(UTC) - timedelta(days=7)).isoformat()},
            idempotency_key=key,
            now=datetime.now(UTC) - age,
        )
        assert job_id is not None
        return job_id

    def add_finished(self) -> UUID:
        """Insert a job that finished long ago: pruning deletes it, which is the effect to see."""
        then = datetime.now(UTC) - timedelta(days=30)
        job_id = jobs.enqueue(self.db, "prune_jobs", {}, idempotency_key="old", now=then)
        job = jobs.claim(self.db, job_id, worker="test", lease=timedelta(seconds=1), now=then)
        assert job is not None
        assert jobs.finish(self.db, job, now=then)
        return job.id

    def send(self, job_id: UUID) -> None:
        send_job(self._app, job_id)

    def jobs(self) -> dict[UUID, tuple[str, int]]:
        """State and attempts of every job."""
        with psycopg.connect(self.db.url) as connection:
            rows = connection.execute("SELECT id, state, attempt FROM job").fetchall()
        return {id_: (state, attempt) for id_, state, attempt in rows}

    def reaches(self, job_id: UUID, state: str) -> int:
        """Wait for a job to come to a state; return its attempt."""
        self.until(lambda: self.jobs().get(job_id, ("", 0))[0] == state, f"job {state}")
        return self.jobs()[job_id][1]

    def until(self, condition: Callable[[], bool], what: str) -> None:
        eventually(condition, within=WITHIN_S, what=lambda: f"{what}\n{self.log()[-4000:]}")

    def events(self, role: str) -> list[str]:
        """What a role has logged so far."""
        whole, _, _ = self.log().rpartition("\n")
        lines = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
        return [line["event"] for line in lines if line["role"] == role]

    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""
