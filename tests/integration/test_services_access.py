"""Who may come in: API tokens, join tokens and certificates; and the jobs and wake-ups beside."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from controller.auth import Principal, Role
from controller.domain.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    UnauthenticatedError,
)
from controller.services import enrolment, jobs, tokens
from controller.services.changes import IntentListener
from controller.services.enrolment import JoinToken
from controller.store.engine import Database
from tests.support.manifests import ADMIN, apply, host, remove, segment

pytestmark = pytest.mark.integration

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_the_first_start_makes_one_admin_token(db: Database) -> None:
    secret = tokens.ensure_admin(db, now=NOW)
    assert secret is not None
    assert tokens.ensure_admin(db, now=NOW) is None
    assert tokens.authenticate(db, secret, now=NOW) == Principal(
        "admin", frozenset({Role.NETWORK_ADMIN})
    )


def test_two_first_starts_at_once_make_one_admin_token(db: Database) -> None:
    secrets: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: secrets.append(tokens.ensure_admin(db, now=NOW)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(secrets) == 8
    assert len([s for s in secrets if s is not None]) == 1


def test_a_token_carries_its_roles_projects_and_end(db: Database) -> None:
    secret = tokens.create(
        db,
        ADMIN,
        "ci",
        [Role.VIEWER],
        now=NOW,
        request_id="r",
        projects=["blue"],
        expires_at=NOW + HOUR,
    )
    assert tokens.authenticate(db, secret, now=NOW) == Principal(
        "ci", frozenset({Role.VIEWER}), frozenset({"blue"}), expires_at=NOW + HOUR
    )
    with pytest.raises(UnauthenticatedError):
        tokens.authenticate(db, secret, now=NOW + HOUR)
    with pytest.raises(ConflictError):
        tokens.create(db, ADMIN, "ci", [Role.VIEWER], now=NOW, request_id="r")
    viewer = tokens.authenticate(db, secret, now=NOW)
    with pytest.raises(ForbiddenError):
        tokens.create(db, viewer, "mine", [Role.NETWORK_ADMIN], now=NOW, request_id="r")
    assert [t.name for t in tokens.list_tokens(db)] == ["ci"]


@pytest.mark.parametrize("change", ["", "x", "ovsf_", "\x00", "ü"])
def test_a_token_that_is_not_whole_is_refused(db: Database, change: str) -> None:
    secret = tokens.create(db, ADMIN, "ci", [Role.VIEWER], now=NOW, request_id="r")
    for wrong in (change, secret[:-1], secret + change + "0", f"{change}1{secret}"):
        with pytest.raises(UnauthenticatedError):
            tokens.authenticate(db, wrong, now=NOW)


def test_no_secret_is_stored(db: Database, database_url: str) -> None:
    apply(db, host(1))
    secrets = [tokens.ensure_admin(db, now=NOW), join(db).secret]
    with psycopg.connect(database_url) as connection:
        rows = [
            *connection.execute("SELECT t::text FROM api_token t"),
            *connection.execute("SELECT t::text FROM join_token t"),
            *connection.execute("SELECT t::text FROM audit t"),
        ]
    for secret in secrets:
        assert secret is not None
        assert not any(secret in row[0] or secret.encode().hex() in row[0] for row in rows)


def join(db: Database) -> JoinToken:
    return enrolment.create_join_token(db, ADMIN, "h1", ttl=HOUR, now=NOW, request_id="r")


def test_a_join_token_is_good_for_one_key_of_its_host_until_it_expires(
    db: Database, database_url: str
) -> None:
    created = apply(db, host(1), host(2))
    token = join(db)
    for secret, name in (("wrong", "h1"), (token.secret, "h2"), (token.secret, "\x00")):
        with pytest.raises(UnauthenticatedError):
            enrolment.redeem(db, secret, name, "key", now=NOW)
    with pytest.raises(UnauthenticatedError):
        enrolment.redeem(db, token.secret, "h1", "key", now=NOW + HOUR)
    for _ in range(2):
        found = enrolment.redeem(db, token.secret, "h1", "key", now=NOW)
        assert (found.host_uid, found.replaced) == (created.results[0].uid, False)
    with pytest.raises(UnauthenticatedError):
        enrolment.redeem(db, token.secret, "h1", "another key", now=NOW)
    with psycopg.connect(database_url) as connection:
        attempts = connection.execute(
            "SELECT outcome, count(*) FROM audit WHERE action = 'join_token.redeem'"
            " GROUP BY outcome ORDER BY outcome"
        ).fetchall()
    # The secret that nobody made is not among them: a stranger must not fill the table.
    assert attempts == [("done", 2), ("refused", 4)]


def test_a_join_token_dies_with_its_host(db: Database) -> None:
    apply(db, host(1))
    token = join(db)
    remove(db, host(1))
    with pytest.raises(UnauthenticatedError):
        enrolment.redeem(db, token.secret, "h1", "key", now=NOW)
    apply(db, host(1))
    with pytest.raises(UnauthenticatedError):
        enrolment.redeem(db, token.secret, "h1", "key", now=NOW)
    with pytest.raises(NotFoundError):
        enrolment.create_join_token(db, ADMIN, "h9", ttl=HOUR, now=NOW, request_id="r")


def test_only_a_network_admin_makes_join_tokens(db: Database) -> None:
    apply(db, host(1))
    viewer = Principal("v", frozenset({Role.VIEWER}))
    with pytest.raises(ForbiddenError):
        enrolment.create_join_token(db, viewer, "h1", ttl=HOUR, now=NOW, request_id="r")


def test_an_identity_is_active_while_its_host_is_intended(db: Database) -> None:
    uid = apply(db, host(1)).results[0].uid
    assert uid is not None
    assert enrolment.refusal(db, uid, "01")
    for _ in range(2):
        enrolment.record_certificate(db, uid, "01", NOW + HOUR, now=NOW)
    assert enrolment.refusal(db, uid, "01") is None
    assert enrolment.refusal(db, uuid4(), "01")
    assert enrolment.refusal(db, uid, "02")
    remove(db, host(1))
    assert enrolment.refusal(db, uid, "01")


def enqueue(db: Database, key: str = "k") -> UUID:
    job_id = jobs.enqueue(db, "noop", {"n": 1}, idempotency_key=key, now=NOW)
    assert job_id is not None
    return job_id


def test_a_worker_that_outlived_its_lease_cannot_finish_the_job(db: Database) -> None:
    job_id = enqueue(db)
    lease = timedelta(seconds=10)
    slow = jobs.claim(db, job_id, worker="slow", lease=lease, now=NOW)
    assert slow is not None
    assert jobs.claim(db, job_id, worker="eager", lease=lease, now=NOW) is None
    assert jobs.expired(db, now=NOW) == ()
    later = NOW + 2 * lease
    assert jobs.expired(db, now=later) == (job_id,)
    quick = jobs.claim(db, job_id, worker="quick", lease=lease, now=later)
    assert quick is not None
    assert (slow.attempt, quick.attempt) == (1, 2)
    assert quick.args == {"n": 1}
    assert not jobs.finish(db, slow, now=later)
    assert jobs.finish(db, quick, now=later)
    assert not jobs.finish(db, quick, now=later)
    assert jobs.claim(db, job_id, worker="late", lease=lease, now=later + HOUR) is None
    assert jobs.expired(db, now=later + HOUR) == ()


def test_a_job_whose_message_was_lost_is_sent_again(db: Database) -> None:
    job_id = enqueue(db)
    assert jobs.expired(db, now=NOW) == ()
    assert jobs.expired(db, now=NOW + HOUR) == (job_id,)


def test_a_failed_job_is_over_and_finished_jobs_are_pruned(db: Database) -> None:
    job = jobs.claim(db, enqueue(db), worker="w", lease=HOUR, now=NOW)
    assert job is not None
    assert jobs.finish(db, job, error="ValueError: no", now=NOW)
    waiting = enqueue(db, "other")
    assert jobs.prune(db, before=NOW) == 0
    assert jobs.prune(db, before=NOW + HOUR) == 1
    assert jobs.expired(db, now=NOW + HOUR) == (waiting,)


def test_a_listener_wakes_up_for_every_change_of_intent(db: Database) -> None:
    listener = IntentListener(db)
    assert listener.wait(60), "it has just connected, and may have missed something"
    assert not listener.wait(0)
    changing = threading.Thread(target=lambda: apply(db, segment("red")))
    changing.start()
    assert listener.wait(60)
    changing.join()
    apply(db, segment("red"))
    assert not listener.wait(0), "nothing changed"
    listener.close()
    assert not listener.wait(0)


def test_a_listener_whose_connection_is_cut_says_so_once_and_goes_on(
    db: Database, database_url: str
) -> None:
    listener = IntentListener(db)
    assert listener.wait(60)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE 'LISTEN%' AND datname = current_database()"
        )
    deadline = time.monotonic() + 30
    while not listener.wait(5):
        assert time.monotonic() < deadline
    apply(db, segment("red"))
    assert listener.wait(60)
    listener.close()


def test_a_waiting_listener_can_be_closed(db: Database) -> None:
    listener = IntentListener(db)
    listener.wait(60)
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(listener.wait(600)))
    waiting.start()
    listener.close()
    waiting.join(timeout=30)
    assert answers == [False]
