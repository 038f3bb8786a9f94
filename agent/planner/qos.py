"""What a port sends, shaped: its row of table QoS, which is that port's alone.

The row and its queues bear the port's mark and are ours as a whole. Somebody else's QoS on a port
of ours stays, also when the port is made anew: where intent wants one, that is a conflict. It goes
with the port when its resource has none of that name any more: what another resource has under the
name is another port, whether it comes with the same plan or later. Ours stays while it is not known
whether intent wants one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from agent.errors import ErrorKind, Failure
from agent.model import ID_KEY, OWNER_KEY, Port
from agent.monitoring import OvsQos, OvsQueue, Qos
from agent.observed import OvsPort
from agent.planner.inventory import Inventory, PlacedPort
from agent.planner.ownership import ownership
from agent.planner.plan import DeleteStrays, OvsdbOp, SetQos


def wanted_qos(port: Port, inventory: Inventory) -> tuple[OvsQos | None, tuple[Failure, ...]]:
    """The row, and what is wrong with it."""
    there = _qos_there(port.id, port.interface, inventory)
    if there is not None and there.external_ids.get(OWNER_KEY) != inventory.owner:
        return there, () if port.qos is None else (_taken(port, there),)
    if port.qos is not None:
        return _row(port.qos, inventory.mark(port.id)), ()
    if there is None or inventory.is_whole:
        return None, ()
    return replace(there, row=""), ()


def foreign_qos(resource: str, name: str, inventory: Inventory) -> OvsQos | None:
    """Somebody else's on a port of a resource that intent has no QoS for."""
    there = _qos_there(resource, name, inventory)
    is_ours = there is not None and there.external_ids.get(OWNER_KEY) == inventory.owner
    return None if is_ours else there


def _qos_there(resource: str, name: str, inventory: Inventory) -> OvsQos | None:
    rows = (placed.port for placed in inventory.ports.get(resource, ()))
    return next((row.qos for row in rows if row.name == name), None)


def mend_qos(resource: str, placed: PlacedPort, wanted: OvsPort) -> tuple[OvsdbOp, ...]:
    row, wish = placed.port.qos, wanted.qos
    if row is None and wish is None:
        return ()
    marks = ownership(wanted.external_ids)
    if row is not None and row.external_ids.get(OWNER_KEY) != marks[OWNER_KEY]:
        return ()
    if row is not None and wish is not None and _facts(row) == _facts(wish):
        return ()
    return (SetQos(resource, placed.bridge, placed.port.name, marks, wish),)


def delete_strays(inventory: Inventory) -> Iterator[OvsdbOp]:
    """They carry nothing, so that nobody need be asked; what lost its port so is made anew."""
    ours = {each.resource for each in inventory.observed.strays if each.owner == inventory.owner}
    for resource in sorted(ours):
        yield DeleteStrays(resource, inventory.mark(resource))


def _row(qos: Qos, marks: dict[str, str]) -> OvsQos:
    queues = {
        each.id: OvsQueue(each.dscp, dict(each.other_config), marks)
        for each in sorted(qos.queues, key=lambda each: each.id)
    }
    return OvsQos(qos.type, dict(qos.other_config), queues, marks)


def _facts(row: OvsQos) -> object:
    """Without what others may have noted beside our marks."""
    queues = {
        number: (queue.dscp, dict(queue.other_config), ownership(queue.external_ids))
        for number, queue in row.queues.items()
    }
    return (row.type, dict(row.other_config), queues, ownership(row.external_ids))


def _taken(port: Port, there: OvsQos) -> Failure:
    whose = there.external_ids.get(ID_KEY) or "nobody that this agent knows"
    message = (
        f"port {port.interface} has a QoS of type {there.type or 'unset'} already, which is not "
        f"ours (its mark names {whose}); take it off with: ovs-vsctl clear port {port.interface} "
        "qos, or leave the policy out"
    )
    return Failure(port.id, ErrorKind.CONFLICT, "QosTaken", message)
