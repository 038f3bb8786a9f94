"""Committing the planner's operations, and knowing what came of it.

Runs in the OVSDB thread as a generator, so that the thread keeps serving: it yields the time by
which it wants to be asked again and is asked whenever anything happened. One transaction carries
everything. When the server refuses it, the operations are committed resource by resource instead,
so that the one at fault is named and does not stop the others.
"""

from __future__ import annotations

import enum
import json
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace

import ovs.db.idl

from agent.errors import ErrorKind, Failure
from agent.ovsdb.batch import OutOfDateError
from agent.ovsdb.liveness import VswitchdWatch
from agent.ovsdb.replica import Replica
from agent.ovsdb.snapshot import OvsdbUnavailableError
from agent.ovsdb.write import Writer
from agent.planner.health import bridge_missing
from agent.planner.plan import AddBridge, AddMirror, AddPort, OvsdbOp, SetFlowExport, Stage

Waiting = Generator[float, None, "OvsdbResult"]

_Status = ovs.db.idl.Transaction


class Outcome(enum.StrEnum):
    COMMITTED = "committed"
    UNCHANGED = "unchanged"
    TRY_AGAIN = "try_again"
    """The rows are not what the plan was made from, or the connection broke: observe again."""
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class OvsdbResult:
    """``realized``: ovs-vswitchd has acted on it (cur_cfg reached ``next_cfg``) in time.

    ``failures`` name the resources that the server refused while the others were committed.
    """

    outcome: Outcome
    error: str = ""
    next_cfg: int = 0
    realized: bool = False
    failures: tuple[Failure, ...] = ()
    transactions: int = 0

    @classmethod
    def unchanged(cls) -> OvsdbResult:
        return cls(Outcome.UNCHANGED, realized=True)


def apply(
    replica: Replica,
    vswitchd: VswitchdWatch,
    ops: tuple[OvsdbOp, ...],
    comment: str,
    deadline: float,
) -> Waiting:
    """``deadline`` is a time of the monotonic clock, for the server and ovs-vswitchd together.

    OvsdbUnavailableError when the server does not answer until then.
    """
    result = yield from _commit(replica, ops, comment, deadline)
    if result.outcome is Outcome.ERROR:
        result = yield from _commit_by_resource(replica, ops, comment, deadline)
    if result.outcome is Outcome.COMMITTED or result.transactions:
        realized = yield from _await_vswitchd(replica, vswitchd, result.next_cfg, deadline)
        result = replace(result, realized=realized)
    return result


def _commit(replica: Replica, ops: Iterable[OvsdbOp], comment: str, deadline: float) -> Waiting:
    if not replica.monitoring:
        return OvsdbResult(Outcome.TRY_AGAIN, "no connection to ovsdb-server")
    try:
        writer = Writer(replica, comment)
    except OutOfDateError as error:
        return OvsdbResult(Outcome.TRY_AGAIN, str(error))
    try:
        for op in ops:
            writer.write(op)
    except OutOfDateError as error:
        writer.transaction.abort()
        return OvsdbResult(Outcome.TRY_AGAIN, str(error))
    except Exception:
        writer.transaction.abort()
        raise
    while (status := writer.transaction.commit()) == _Status.INCOMPLETE:
        if time.monotonic() >= deadline:
            raise OvsdbUnavailableError("ovsdb-server did not answer in time; does it hang?")
        yield deadline
    return _result(status, writer.transaction)


def _result(status: str, transaction: ovs.db.idl.Transaction) -> OvsdbResult:
    if status == _Status.SUCCESS:
        next_cfg: int = transaction.get_increment_new_value()
        return OvsdbResult(Outcome.COMMITTED, next_cfg=next_cfg, transactions=1)
    if status == _Status.UNCHANGED:
        return OvsdbResult.unchanged()
    if status == _Status.ERROR:
        return OvsdbResult(Outcome.ERROR, transaction.get_error())
    # TRY_AGAIN, or NOT_LOCKED and ABORTED, which need a lock or an abort that we never ask for.
    return OvsdbResult(Outcome.TRY_AGAIN, f"the transaction ended as {status!r}")


def _commit_by_resource(
    replica: Replica, ops: tuple[OvsdbOp, ...], comment: str, deadline: float
) -> Waiting:
    total = OvsdbResult(Outcome.UNCHANGED, realized=True)
    missing: dict[str, str] = {}
    for resource, group in Stage(ovsdb=ops).groups().items():
        if time.monotonic() >= deadline:
            return replace(total, outcome=Outcome.TRY_AGAIN, error="the time ran out half-way")
        if needed := {name for op in group for name in _bridges_of(op)} & missing.keys():
            failure = bridge_missing(resource, min(needed), missing[min(needed)])
            total = _with_failure(total, failure)
            continue
        result = yield from _commit(replica, group, f"{comment} ({resource})", deadline)
        total = _add(total, resource, result)
        if result.outcome is Outcome.ERROR:
            missing |= {op.name: op.resource for op in group if isinstance(op, AddBridge)}
    return total


def _bridges_of(op: OvsdbOp) -> tuple[str, ...]:
    """The bridges that it puts something on."""
    if isinstance(op, SetFlowExport):
        return op.bridges
    return (op.bridge,) if isinstance(op, AddPort | AddMirror) else ()


def _add(total: OvsdbResult, resource: str, result: OvsdbResult) -> OvsdbResult:
    total = replace(
        total,
        next_cfg=max(total.next_cfg, result.next_cfg),
        transactions=total.transactions + result.transactions,
    )
    if result.outcome is Outcome.ERROR:
        return _with_failure(total, refusal(resource, result.error))
    if result.outcome is Outcome.TRY_AGAIN or total.outcome is Outcome.TRY_AGAIN:
        return replace(total, outcome=Outcome.TRY_AGAIN, error=result.error or total.error)
    return replace(total, outcome=Outcome.COMMITTED)


def _with_failure(total: OvsdbResult, failure: Failure) -> OvsdbResult:
    error = "; ".join(filter(None, (total.error, f"{failure.resource}: {failure.message}")))
    outcome = Outcome.ERROR if total.outcome is Outcome.UNCHANGED else total.outcome
    return replace(total, outcome=outcome, error=error, failures=(*total.failures, failure))


_REFUSALS = {
    "constraint violation": (ErrorKind.INVALID, "ConstraintViolation"),
    "referential integrity violation": (ErrorKind.BUG, "ReferentialIntegrity"),
    "permission error": (ErrorKind.UNSUPPORTED, "PermissionDenied"),
    "not supported": (ErrorKind.UNSUPPORTED, "NotSupported"),
    "unknown column": (ErrorKind.UNSUPPORTED, "NotSupported"),
    "unknown table": (ErrorKind.UNSUPPORTED, "NotSupported"),
    "resources exhausted": (ErrorKind.TRANSIENT, "ResourcesExhausted"),
    "I/O error": (ErrorKind.TRANSIENT, "DatabaseWriteFailed"),
}
"""What ovsdb-server's <error> strings (RFC 7047, 3.1) mean to the resource."""


def refusal(resource: str, error: str) -> Failure:
    """The server's <error> object as a failure of the resource."""
    try:
        answer = json.loads(error)
    except ValueError:
        answer = {}
    word, details = answer.get("error", "unknown"), answer.get("details", error)
    if word == "constraint violation" and "identical values" in details:
        return Failure(
            resource,
            ErrorKind.CONFLICT,
            "NameTaken",
            f"ovsdb-server refused it, another row has its name: {details}; remove that row or "
            "choose another name",
        )
    kind, reason = _REFUSALS.get(word, (ErrorKind.BUG, "TransactionRefused"))
    return Failure(resource, kind, reason, f"ovsdb-server refused it: {word}: {details}")


def _await_vswitchd(
    replica: Replica, vswitchd: VswitchdWatch, next_cfg: int, deadline: float
) -> Generator[float, None, bool]:
    while vswitchd.running and replica.monitoring and time.monotonic() < deadline:
        root = replica.root
        if root is not None and root.cur_cfg >= next_cfg:
            return True
        yield deadline
    return False
