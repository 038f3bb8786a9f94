"""What a host counts at present: the difference of each subject's two newest samples."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import extract, select, true

from controller.domain.statistics import COUNTERS
from controller.store.engine import Transaction
from controller.store.statistics.increments import steps
from controller.store.tables import StatRawRow, StatSubjectRow


class Current(NamedTuple):
    subject: str
    sampled_at: datetime
    seconds: float
    """From the sample before to this one."""
    increments: tuple[int | None, ...]
    """In the order of ``COUNTERS``."""


def read_current(tx: Transaction, host_uid: UUID, since: datetime) -> list[Current]:
    """Of every subject with two samples since then. One probe of an index for each subject, however
    many samples there are."""
    names = ("subject_id", "sampled_at", "epoch", *COUNTERS)
    newest = (
        select(*(getattr(StatRawRow, name) for name in names))
        .where(StatRawRow.subject_id == StatSubjectRow.id, StatRawRow.sampled_at >= since)
        .order_by(StatRawRow.sampled_at.desc())
        .limit(2)
        .lateral()
    )
    step = steps(
        select(StatSubjectRow.subject, *newest.c)
        .join(newest, true())
        .where(StatSubjectRow.host_uid == host_uid)
        .cte("sample")
    )
    seconds = extract("epoch", step.c.sampled_at - step.c.began_at)
    found = tx.execute(
        select(step.c.subject, step.c.sampled_at, seconds, *(step.c[name] for name in COUNTERS))
        .where(step.c.began_at.is_not(None))
        .order_by(step.c.subject)
    )
    return [Current(row[0], row[1], float(row[2]), tuple(row[3:])) for row in found]
