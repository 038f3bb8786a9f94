"""QoS, mirrors and exports of flows in the in-memory database of ``tests.support.rows``.

Pictures in, pictures out. As ovsdb-server does, it drops references to ports that are gone and
keeps rows of QoS and Queue that nothing refers to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from agent.columns import SETTABLE, Settings
from agent.model import ID_KEY, OWNER_KEY
from agent.monitoring import OvsFlowExport, OvsMirror, OvsQos, Stray
from agent.observed import OvsBridge, OvsPort
from agent.planner.plan import ClearFlowExport, DeleteMirror, SetFlowExport, SetMirror, SetQos

Marks = Mapping[str, str]


def left_behind(qos: OvsQos | None, marks: Marks) -> Iterator[Stray]:
    """What stays when the rows of ``marks`` are deleted or filled anew, and others let go."""
    if qos is None:
        return
    rows: list[tuple[str, Marks]] = [("QoS", qos.external_ids)]
    if bears(qos.external_ids, marks):  # the queues of another one are still in use by it
        rows += [("Queue", queue.external_ids) for queue in qos.queues.values()]
    for table, ids in rows:
        if not bears(ids, marks) and {OWNER_KEY, ID_KEY} <= ids.keys():
            yield Stray(table, ids[OWNER_KEY], ids[ID_KEY])


def shaped(port: OvsPort, op: SetQos) -> OvsPort:
    """In place, others' keys beside our marks stay."""
    have, want = port.qos, op.qos
    if have is not None and want is not None and bears(have.external_ids, op.external_ids):
        queues = {
            number: replace(queue, external_ids={**ids.external_ids, **queue.external_ids})
            if (ids := have.queues.get(number)) and bears(ids.external_ids, op.external_ids)
            else queue
            for number, queue in want.queues.items()
        }
        ids_of_row = {**have.external_ids, **want.external_ids}
        return replace(port, qos=replace(want, queues=queues, external_ids=ids_of_row))
    return replace(port, qos=want)


def mirrored(bridge: OvsBridge, op: SetMirror) -> OvsBridge:
    index = mirror_index(bridge, op.external_ids)
    changed = replace(bridge.mirrors[index], **op.columns)  # type: ignore[arg-type]
    return replace(bridge, mirrors=_with(bridge.mirrors, index, changed))


def unmirrored(bridge: OvsBridge, op: DeleteMirror) -> OvsBridge:
    index = mirror_index(bridge, op.external_ids, op.name)
    return replace(bridge, mirrors=bridge.mirrors[:index] + bridge.mirrors[index + 1 :])


def mirror_index(bridge: OvsBridge, marks: Marks, name: str | None = None) -> int:
    """ValueError where there is none."""
    for index, mirror in enumerate(bridge.mirrors):
        if bears(mirror.external_ids, marks) and name in (None, mirror.name):
            return index
    raise ValueError(f"no mirror of {marks} on {bridge.name}")


def known_ports(bridge: OvsBridge) -> OvsBridge:
    """References lead to ports that are there, and rows come in order."""
    if not bridge.mirrors:
        return bridge
    names = frozenset(port.name for port in bridge.ports)
    mirrors = (_known(mirror, names) for mirror in bridge.mirrors)
    in_order = sorted(mirrors, key=lambda each: (each.name, sorted(each.external_ids)))
    return replace(bridge, mirrors=tuple(in_order))


def exporting(bridge: OvsBridge, op: SetFlowExport) -> OvsBridge:
    have = bridge.exports.get(op.table, OvsFlowExport())
    is_same = bears(have.external_ids, {k: op.row.external_ids[k] for k in (OWNER_KEY, ID_KEY)})
    ids = {**(have.external_ids if is_same else {}), **op.row.external_ids}
    row = OvsFlowExport(_stored(op.table, op.row.settings), ids)
    return replace(bridge, exports={**bridge.exports, op.table: row})


def not_exporting(bridge: OvsBridge, op: ClearFlowExport) -> OvsBridge:
    exports = {table: row for table, row in bridge.exports.items() if table != op.table}
    return replace(bridge, exports=exports)


def bears(ids: Marks, marks: Marks) -> bool:
    return marks.items() <= ids.items()


def _stored(table: str, settings: Settings) -> Settings:
    kinds = SETTABLE[table]
    columns = {
        name: kinds[name].normal(atoms)
        for name, atoms in settings.columns.items()
        if atoms != kinds[name].default
    }
    return Settings(columns, {name: dict(keys) for name, keys in settings.maps.items() if keys})


def _known(mirror: OvsMirror, names: frozenset[str]) -> OvsMirror:
    return replace(
        mirror,
        select_src_port=mirror.select_src_port & names,
        select_dst_port=mirror.select_dst_port & names,
        output_port=mirror.output_port if mirror.output_port in names else None,
    )


def _with(mirrors: tuple[OvsMirror, ...], index: int, changed: OvsMirror) -> tuple[OvsMirror, ...]:
    return (*mirrors[:index], changed, *mirrors[index + 1 :])
