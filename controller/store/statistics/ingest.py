"""Writes what hosts report: subjects, samples and how far each host is, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias, cast
from uuid import UUID

import psycopg
from sqlalchemy import ARRAY, Text, Uuid, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from controller.domain.errors import UnavailableError
from controller.domain.statistics import COUNTERS, Cursor
from controller.store.engine import Transaction
from controller.store.tables import StatCursorRow, StatRawRow, StatSubjectRow

Subject: TypeAlias = tuple[UUID, str]
"""A host, and what it calls the thing that it counts for."""

_BEGINNING = Cursor("", 0, datetime(2000, 1, 1, tzinfo=UTC))


class Sample(NamedTuple):
    subject_id: int
    sampled_at: datetime
    epoch: int
    counts: tuple[int | None, ...]
    """In the order of ``COUNTERS``."""


class NoPartitionError(Exception):
    """There is no partition for a sample."""


def lock_cursors(tx: Transaction, hosts: Iterable[UUID]) -> dict[UUID, Cursor]:
    """Lock the hosts' cursors to the commit, in one order. Every report is newer than that of a
    host that never reported."""
    uids = sorted(set(hosts))
    row = StatCursorRow
    first = {
        "instance_nonce": _BEGINNING.instance_nonce,
        "sequence": _BEGINNING.sequence,
        "sampled_at": _BEGINNING.sampled_at,
    }
    query = (
        select(row.host_uid, row.instance_nonce, row.sequence, row.sampled_at)
        .where(row.host_uid == func.any(uids))
        .order_by(row.host_uid)
        .with_for_update(key_share=True)
    )
    found = tx.execute(query).all()
    if len(found) < len(uids):
        new = [{"host_uid": uid, **first} for uid in uids]
        tx.execute(upsert(row).on_conflict_do_nothing(), new)
        found = tx.execute(query).all()
    return {uid: Cursor(nonce, sequence, at) for uid, nonce, sequence, at in found}


_ADVANCE = text("""
UPDATE stat_cursor SET instance_nonce = new.nonce, sequence = new.seq, sampled_at = new.at
FROM unnest(
    CAST(:hosts AS uuid[]), CAST(:nonces AS text[]),
    CAST(:sequences AS bigint[]), CAST(:times AS timestamptz[])
) AS new(host_uid, nonce, seq, at)
WHERE stat_cursor.host_uid = new.host_uid
""")


def advance(tx: Transaction, cursors: Mapping[UUID, Cursor]) -> None:
    tx.execute(
        _ADVANCE,
        {
            "hosts": list(cursors),
            "nonces": [cursor.instance_nonce for cursor in cursors.values()],
            "sequences": [cursor.sequence for cursor in cursors.values()],
            "times": [cursor.sampled_at for cursor in cursors.values()],
        },
    )


_WANTED = (
    func.unnest(bindparam("hosts", type_=ARRAY(Uuid)), bindparam("subjects", type_=ARRAY(Text)))
    .table_valued("host_uid", "subject")
    .render_derived()
)


def subject_ids(tx: Transaction, subjects: Collection[Subject]) -> dict[Subject, int]:
    """Ids of the subjects that are known."""
    row = StatSubjectRow
    query = select(row.host_uid, row.subject, row.id).join(
        _WANTED, (row.host_uid == _WANTED.c.host_uid) & (row.subject == _WANTED.c.subject)
    )
    found = tx.execute(query, _columns(subjects))
    return {(host, subject): id_ for host, subject, id_ in found}


def add_subjects(tx: Transaction, subjects: Iterable[Subject]) -> None:
    """In one order, so that two who add the same do not deadlock."""
    row = StatSubjectRow
    new = select(_WANTED.c.host_uid, _WANTED.c.subject)
    statement = upsert(row).from_select(["host_uid", "subject"], new).on_conflict_do_nothing()
    tx.execute(statement, _columns(sorted(subjects)))


def count_subjects(tx: Transaction, hosts: Iterable[UUID]) -> dict[UUID, int]:
    row = StatSubjectRow
    query = (
        select(row.host_uid, func.count())
        .where(row.host_uid == func.any(list(hosts)))
        .group_by(row.host_uid)
    )
    return dict(tx.execute(query).all())


def _columns(subjects: Collection[Subject]) -> dict[str, list[UUID] | list[str]]:
    return {
        "hosts": [host for host, _ in subjects],
        "subjects": [subject for _, subject in subjects],
    }


_COPY = (
    f"COPY {StatRawRow.__tablename__} (subject_id, sampled_at, epoch, {', '.join(COUNTERS)})"
    " FROM STDIN (FORMAT BINARY)"
)
_TYPES = ("int8", "timestamptz", "int8", *("int8" for _ in COUNTERS))


def copy_samples(tx: Transaction, samples: Iterable[Sample]) -> None:
    """NoPartitionError: the transaction is lost, and worth another try when there is one."""
    connection = cast("psycopg.Connection[object]", tx.connection.driver_connection)
    with _translated(), connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_TYPES)
        for sample in samples:
            copy.write_row((sample.subject_id, sample.sampled_at, sample.epoch, *sample.counts))


@contextmanager
def _translated() -> Iterator[None]:
    """COPY passes SQLAlchemy by, and with it the translation of errors in ``store.engine``."""
    try:
        yield
    except psycopg.errors.CheckViolation as error:
        raise NoPartitionError(str(error)) from error
    except psycopg.OperationalError as error:
        raise UnavailableError("the database does not answer; try again in a moment") from error
