"""What a host counts at present: how far each subject's newest sample is beyond one before it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, extract, func, select, true

from controller.domain.statistics import COUNTERS, LEAST_SPAN
from controller.store.engine import Transaction
from controller.store.statistics.increments import increment
from controller.store.tables import StatRawRow, StatSubjectRow


class Current(NamedTuple):
    subject: str
    sampled_at: datetime
    seconds: float
    """From the sample before to this one."""
    increments: tuple[int | None, ...]
    """In the order of ``COUNTERS``."""


def read_current(tx: Transaction, host_uid: UUID, since: datetime) -> list[Current]:
    """Of every subject with two samples since then that are not too near for a rate. Two probes of
    an index for each subject, however many samples there are."""
    recent = StatRawRow.sampled_at >= since
    newest = _newest(recent).lateral("newest")
    before = _newest(recent, StatRawRow.sampled_at <= newest.c.sampled_at - LEAST_SPAN).lateral(
        "before"
    )
    same_epoch = newest.c.epoch == before.c.epoch
    found = tx.execute(
        select(
            StatSubjectRow.subject,
            newest.c.sampled_at,
            extract("epoch", newest.c.sampled_at - before.c.sampled_at),
            *(increment(newest.c[name], before.c[name], same_epoch) for name in COUNTERS),
        )
        .join(newest, true())
        .join(before, true())
        .where(StatSubjectRow.host_uid == host_uid)
        .order_by(StatSubjectRow.subject)
    )
    return [Current(row[0], row[1], float(row[2]), tuple(row[3:])) for row in found]


class Bytes(NamedTuple):
    """Per second."""

    tx: float
    rx: float


def read_bytes(tx: Transaction, ids: Collection[int], since: datetime) -> dict[int, Bytes]:
    """By subject, what it sends and receives, of those that `read_current` would tell."""
    recent = StatRawRow.sampled_at >= since
    newest = _newest(recent).lateral("newest")
    before = _newest(recent, StatRawRow.sampled_at <= newest.c.sampled_at - LEAST_SPAN).lateral(
        "before"
    )
    same_epoch = newest.c.epoch == before.c.epoch
    sent, received = (
        increment(newest.c[name], before.c[name], same_epoch) for name in ("tx_bytes", "rx_bytes")
    )
    seconds = extract("epoch", newest.c.sampled_at - before.c.sampled_at)
    query = (
        select(StatSubjectRow.id, sent / seconds, received / seconds)
        .join(newest, true())
        .join(before, true())
        .where(StatSubjectRow.id == func.any(list(ids)))
    )
    return {
        id_: Bytes(float(tx_rate), float(rx_rate))
        for id_, tx_rate, rx_rate in tx.execute(query)
        if tx_rate is not None and rx_rate is not None
    }


def _newest(*wanted: ColumnElement[bool]) -> Select[Any]:
    names = ("sampled_at", "epoch", *COUNTERS)
    return (
        select(*(getattr(StatRawRow, name) for name in names))
        .where(StatRawRow.subject_id == StatSubjectRow.id, *wanted)
        .order_by(StatRawRow.sampled_at.desc())
        .limit(1)
    )
