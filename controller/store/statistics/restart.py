"""Takes a host's statistics back to where they were before the controller's clock ran ahead.

Afterwards it is as if nothing had been stored after the newest sample that is not in the future:
roll-ups go on from there, and the host's reports lie behind it again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update

from controller.domain.statistics import LATEST, ROLLUPS, Resolution
from controller.store.engine import Transaction
from controller.store.statistics import rollup
from controller.store.tables import (
    ROLLUP_ROWS,
    StatCursorRow,
    StatLastRow,
    StatProgressRow,
    StatRawRow,
    StatSubjectRow,
)

_LOOK_BACK = timedelta(minutes=30)
"""A subject that had no sample for so long begins anew."""


def restart(tx: Transaction, host_uid: UUID, *, ahead: timedelta, now: datetime) -> bool:
    """Forget what the host counted in the future. False: its newest report is not so far ahead.

    Waits for whoever rolls up, so that what is forgotten is not on its way to a bucket.
    """
    rollup.wait_for_lock(tx)
    cursor = StatCursorRow
    query = select(cursor.sampled_at).where(cursor.host_uid == host_uid).with_for_update()
    newest = tx.execute(query).scalar_one_or_none()
    if newest is None or newest <= now + ahead:
        return False
    subjects = select(StatSubjectRow.id).where(StatSubjectRow.host_uid == host_uid)
    raw = StatRawRow
    tx.execute(delete(raw).where(raw.subject_id.in_(subjects), raw.sampled_at > now))
    kept = _newest(tx, host_uid) or now - LATEST
    tx.execute(update(cursor).where(cursor.host_uid == host_uid).values(sampled_at=kept))
    _take_back(tx, host_uid, kept)
    return True


def _newest(tx: Transaction, host_uid: UUID) -> datetime | None:
    """One probe of an index for each subject: there may be millions of samples."""
    of_subject = (
        select(func.max(StatRawRow.sampled_at))
        .where(StatRawRow.subject_id == StatSubjectRow.id)
        .scalar_subquery()
    )
    query = select(func.max(of_subject)).where(StatSubjectRow.host_uid == host_uid)
    found: datetime | None = tx.execute(query).scalar_one()
    return found


def _take_back(tx: Transaction, host_uid: UUID, kept: datetime) -> None:
    """What was rolled up of later minutes, and of coarser buckets that were over too soon."""
    progress, last = StatProgressRow, StatLastRow
    minute = rollup.bucket_start(Resolution.MINUTE, kept)
    subjects = select(StatSubjectRow.id).where(StatSubjectRow.host_uid == host_uid)
    moved = tx.execute(
        update(progress)
        .where(progress.host_uid == host_uid, progress.rolled_until > minute)
        .values(rolled_until=minute)
    )
    if not moved.rowcount:
        return
    for resolution in ROLLUPS:
        row = ROLLUP_ROWS[resolution]
        since = rollup.bucket_start(resolution, kept)
        tx.execute(delete(row).where(row.subject_id.in_(subjects), row.bucket_at >= since))
    tx.execute(delete(last).where(last.subject_id.in_(subjects), last.sampled_at >= minute))
    rollup.keep_newest(tx, [rollup.Due(host_uid, minute - _LOOK_BACK, minute)])
