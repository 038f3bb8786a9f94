"""How much was counted between two neighbouring samples, as SQL.

Of the same epoch it is the difference. A count of another epoch, or one that became smaller, began
again at zero, so it is all that was counted. Where either of the two is missing nothing is known.
"""

from __future__ import annotations

from sqlalchemy import CTE, ColumnElement, case, func, select

from controller.domain.statistics import COUNTERS


def steps(samples: CTE) -> CTE:
    """Each sample with what passed since the one before it: ``began_at`` and every counter.

    ``began_at`` is null for a subject's first sample. Other columns of ``samples`` are passed on.
    """
    before = {
        name: func.lag(samples.c[name]).over(
            partition_by=samples.c.subject_id, order_by=samples.c.sampled_at
        )
        for name in ("sampled_at", "epoch", *COUNTERS)
    }
    others = [column for column in samples.c if column.name not in {"epoch", *COUNTERS}]
    same_epoch = before["epoch"] == samples.c.epoch
    return select(
        *others,
        before["sampled_at"].label("began_at"),
        *(increment(samples.c[n], before[n], same_epoch).label(n) for n in COUNTERS),
    ).cte("step")


def increment(
    count: ColumnElement[int], before: ColumnElement[int], same_epoch: ColumnElement[bool]
) -> ColumnElement[int]:
    return case(
        (same_epoch & before.is_(None), None),
        (same_epoch & (count >= before), count - before),
        else_=count,
    )
