"""Writing table QoS and its queues: rows that Open vSwitch never collects.

Nothing but us deletes them, so that a row of ours goes together with the last reference to it, and
one that somebody else refers to as well stays with him.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from uuid import UUID

from agent.model import OWNER_KEY
from agent.monitoring import OvsQos, OvsQueue
from agent.ovsdb.batch import Batch, OutOfDateError
from agent.ovsdb.rows import Row, map_of, pairs, referred
from agent.planner.plan import DeleteStrays, SetQos

Marks = Mapping[str, str]
Users = dict[UUID, set[UUID]]


class QosWriter:
    """Part of one transaction; knows which references it has ended so far."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def set(self, op: SetQos) -> None:
        port = self._batch.find("Port", op.port)
        row = self._qos_of(port)
        if row is not None and not _same_owner(row, op.external_ids):
            raise OutOfDateError(f"port {op.port} has somebody else's QoS by now")
        port.verify("qos")
        if op.qos is not None and row is not None and _bears(row, op.external_ids):
            self._change(row, op.qos, op.external_ids)
            return
        self.release(port, op.external_ids)
        port.qos = [] if op.qos is None else [self.insert(op.qos)]

    def given(self, qos: OvsQos) -> list[Row]:
        """For a port that is made: somebody else's row if it is still there, or one of its own."""
        if not qos.row:
            return [self.insert(qos)]
        row = self._batch.replica.tables["QoS"].rows.get(UUID(qos.row))
        return [] if row is None else [row]

    def insert(self, qos: OvsQos) -> Row:
        return self._batch.insert(
            "QoS",
            type=qos.type,
            other_config=dict(qos.other_config),
            queues={number: self._insert_queue(each) for number, each in qos.queues.items()},
            external_ids=dict(qos.external_ids),
        )

    def release(self, port: Row, marks: Marks) -> bool:
        """The port goes, or has another QoS from now on; whether that deletes the one it had."""
        row = self._qos_of(port)
        if row is None:
            return False
        self._ports_of.get(row.uuid, set()).discard(port.uuid)
        is_last = _bears(row, marks) and not self._ports_of.get(row.uuid)
        if is_last:
            self._delete(row, marks)
        return is_last

    def delete_strays(self, op: DeleteStrays) -> None:
        for row in list(self._rows("QoS")):
            if _bears(row, op.external_ids) and not self._ports_of.get(row.uuid):
                self._delete(row, op.external_ids)
        self._delete_unused(list(self._rows("Queue")), op.external_ids)

    def _insert_queue(self, queue: OvsQueue) -> Row:
        row = self._batch.insert("Queue", external_ids=dict(queue.external_ids))
        _fill(row, queue)
        return row

    def _change(self, row: Row, qos: OvsQos, marks: Marks) -> None:
        for column in ("type", "other_config", "queues"):
            row.verify(column)
        row.type, row.other_config = qos.type, dict(qos.other_config)
        found = {number: self._queue(uuid) for number, uuid in pairs(row, "queues").items()}
        kept = {
            number: queue
            for number, queue in found.items()
            if number in qos.queues and queue is not None and _bears(queue, marks)
        }
        for number, queue in kept.items():
            _fill(queue, qos.queues[number])
        made = {n: self._insert_queue(q) for n, q in qos.queues.items() if n not in kept}
        row.queues = {**kept, **made}
        gone = {queue for queue in found.values() if queue is not None} - set(kept.values())
        self._end_use(row, gone, marks)

    def _delete(self, row: Row, marks: Marks) -> None:
        queues = [self._queue(uuid) for uuid in pairs(row, "queues").values()]
        row.delete()
        self._end_use(row, (queue for queue in queues if queue is not None), marks)

    def _end_use(self, qos: Row, queues: Iterable[Row], marks: Marks) -> None:
        gone = list(queues)
        for queue in gone:
            self._shapers_of.get(queue.uuid, set()).discard(qos.uuid)
        self._delete_unused(gone, marks)

    def _delete_unused(self, queues: Iterable[Row], marks: Marks) -> None:
        for queue in queues:
            is_unused = not self._shapers_of.get(queue.uuid)
            if is_unused and self._batch.is_there(queue) and _bears(queue, marks):
                queue.delete()

    def _qos_of(self, port: Row) -> Row | None:
        rows = self._batch.replica.tables["QoS"].rows
        return next((rows[uuid] for uuid in referred(port, "qos") if uuid in rows), None)

    def _queue(self, uuid: UUID) -> Row | None:
        return self._batch.replica.tables["Queue"].rows.get(uuid)

    @cached_property
    def _ports_of(self) -> Users:
        """By QoS, the ports that refer to it and go on doing so."""
        users: Users = {}
        for port in self._rows("Port"):
            for uuid in referred(port, "qos"):
                users.setdefault(uuid, set()).add(port.uuid)
        return users

    @cached_property
    def _shapers_of(self) -> Users:
        """By queue, the QoS that refer to it and go on doing so."""
        users: Users = {}
        for row in self._rows("QoS"):
            for uuid in pairs(row, "queues").values():
                users.setdefault(uuid, set()).add(row.uuid)
        return users

    def _rows(self, table: str) -> Iterable[Row]:
        """Without those that this transaction makes, which nobody else can refer to."""
        rows = self._batch.replica.tables[table].rows.values()
        return (row for row in rows if row._data is not None)  # noqa: SLF001 - None: it is new


def _fill(row: Row, queue: OvsQueue) -> None:
    row.dscp = [] if queue.dscp is None else [queue.dscp]
    row.other_config = dict(queue.other_config)


def _bears(row: Row, marks: Marks) -> bool:
    return marks.items() <= map_of(row, "external_ids").items()


def _same_owner(row: Row, marks: Marks) -> bool:
    return map_of(row, "external_ids").get(OWNER_KEY) == marks[OWNER_KEY]
