"""From the wire to ``services.statistics``, and what of a report cannot be stored. Pure.

A host may send anything. What is wrong with one counter costs that counter and is counted by its
reason; what makes a report impossible to place ends the stream of the host that sent it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from ovsfleet.v1 import stats_pb2

from controller.domain.errors import InvalidError
from controller.domain.statistics import COUNTERS, MOST
from controller.services.statistics import Reading, Report

MOST_COUNTERS = 10_000
"""Subjects in one report: beyond what one Open vSwitch carries."""

TOO_MANY = "too_many"
REPEATED_SUBJECT = "repeated_subject"
UNKNOWN_SUBJECT = "unknown_subject"
OUT_OF_RANGE = "out_of_range"
NOTHING = "nothing"

_NONCE = re.compile(r"[!-~]{1,128}")
_UID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SUBJECT = re.compile(
    rf"(?:(?:port|segment):{_UID}|tunnel:{_UID}(?:/{_UID})?|device:[!-.0-9:-~]{{1,15}})"
)


def decode_report(
    host_uid: UUID, request: stats_pb2.ReportRequest, received_at: datetime
) -> tuple[Report, Counter[str]]:
    """The report without what cannot be stored, and how much that was by reason.

    InvalidError: nothing of it can be.
    """
    if not _NONCE.fullmatch(request.instance_nonce):
        raise InvalidError("instance_nonce must be 1 to 128 printable ASCII characters")
    if not 0 < request.sequence <= MOST:
        raise InvalidError(f"sequence is {request.sequence}; it counts from 1 to {MOST}")
    dropped: Counter[str] = Counter()
    readings = tuple(_readings(request, dropped))
    sampled_at = received_at - timedelta(milliseconds=request.age_ms)
    report = Report(host_uid, request.instance_nonce, request.sequence, sampled_at, readings)
    return report, dropped


def _readings(request: stats_pb2.ReportRequest, dropped: Counter[str]) -> Iterator[Reading]:
    seen: set[str] = set()
    for counters in request.counters[:MOST_COUNTERS]:
        subject = counters.subject
        if not _SUBJECT.fullmatch(subject):
            dropped[UNKNOWN_SUBJECT] += 1
        elif subject in seen:
            dropped[REPEATED_SUBJECT] += 1
        else:
            seen.add(subject)
            yield from _reading(counters, dropped)
    if (beyond := len(request.counters) - MOST_COUNTERS) > 0:
        dropped[TOO_MANY] += beyond


def _reading(counters: stats_pb2.Counters, dropped: Counter[str]) -> Iterator[Reading]:
    """One, unless nothing is left of it."""
    counts: list[int | None] = [None] * len(COUNTERS)
    for field, value in counters.ListFields():
        index = _INDEX.get(field.name)
        if index is None:
            continue
        if value > MOST:
            dropped[OUT_OF_RANGE] += 1
        else:
            counts[index] = value
    if all(count is None for count in counts):
        dropped[NOTHING] += 1
    else:
        yield Reading(counters.subject, _signed(counters.epoch), tuple(counts))


_INDEX = {name: index for index, name in enumerate(COUNTERS)}


def _signed(epoch: int) -> int:
    return epoch - 2**64 if epoch >= 2**63 else epoch
