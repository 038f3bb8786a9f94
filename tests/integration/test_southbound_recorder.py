"""What waits in the recorder, and what reaches the store all the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from controller.compiler import compile_host
from controller.domain.intent import DEFAULT_PROJECT, Kind
from controller.services import desired, queries, status
from controller.services.status import HostReport, Outcome, SessionStart
from controller.southbound.identity import HostIdentity
from controller.southbound.recorder import Recorder
from controller.southbound.sessions import HostSession
from controller.southbound.threads import Threads
from controller.southbound.timing import utc_now
from controller.store.engine import Database
from tests.support.manifests import ADMIN, apply, host, port, segment

pytestmark = pytest.mark.integration


async def test_a_revision_that_comes_while_a_report_waits_is_not_lost(db: Database) -> None:
    first = apply(db, host(1), segment("red"), port("p1", "h1", segment="red"))
    uid = queries.get(db, ADMIN, Kind.HOST, DEFAULT_PROJECT, "h1").object.uid
    now = datetime.now(UTC)
    epoch = status.open_session(db, uid, SessionStart("n", "1"), now=now)
    session = HostSession(
        HostIdentity(uid, "ab", now + timedelta(days=1)),
        epoch,
        accepted_revision=0,
        accepted_hash=b"",
        applied_revision=0,
        applied_hash=b"",
        fragments=(),
    )
    threads = Threads(db)
    recorder = Recorder(threads, utc_now, beat_s=1.0)
    offered = offer(db, session)
    recorder.report(session, HostReport(first.revision, first.revision, offered, Outcome.APPLIED))
    second = apply(db, segment("blue"))
    assert offer(db, session) == offered
    # As the dispatcher does; the store does not know yet that the host has this state.
    assert status.advance(db, {uid: offered}, second.revision, now=now) == 0
    await recorder.flush()
    await threads.close(patience_s=5.0)
    shown = queries.get(db, ADMIN, Kind.HOST, DEFAULT_PROJECT, "h1").status
    assert shown.applied_revision == second.revision


def offer(db: Database, session: HostSession) -> bytes:
    intent = desired.load_host_intent(db, session.host_uid)
    compiled = compile_host(intent)
    session.offer(compiled, intent)
    return compiled.hash
