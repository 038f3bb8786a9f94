"""A round: writes and traffic, a fault at a random instant, and what there is after it is mended.

The same seed gives the same fault, host, instant and writes; what the machine makes of them differs
from run to run. Every round leaves a line of JSON.
"""

from __future__ import annotations

import dataclasses
import json
import random
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from deploy.lab.probes import Delivery, flow
from deploy.lab.shell import LabError
from tests.support import fault_fabric
from tests.support.fault_history import History, Writer, read_back
from tests.support.fault_kinds import PARTS, Fault
from tests.support.fault_results import provenance
from tests.support.fault_site import FLOW_FROM, FLOW_TO, FaultSite, base_intent, choose

CONVERGED_WITHIN_S = 5.0
_GIVEN_UP_AFTER_S = 60.0
_INSTANT_S = 0.5
"""Writes go on for so long at most before something breaks."""
_RATE = 600


@dataclass(slots=True)
class Round:
    seed: int
    fault: str
    host: str
    instant_s: float
    """After the first write."""
    inflicted_s: float = 0.0
    """From breaking to mended."""
    converged_s: float = 0.0
    """After it was mended."""
    sent: int = 0
    lost: int = 0
    longest_gap_ms: float = 0.0
    writes: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def line(self) -> str:
        return json.dumps(dataclasses.asdict(self) | provenance(), sort_keys=True)


def planned(seed: int, faults: Sequence[Fault] = ()) -> tuple[Fault, Round, random.Random]:
    """One of ``faults``, or one of all, each part as often as the others. Seeds that follow each
    other leave none out."""
    rng = random.Random(seed)  # noqa: S311 (that others can repeat it is the point)
    fault = faults[seed % len(faults)] if faults else _of_all(seed)
    at = Round(seed, fault.name, rng.choice(fault.hosts), round(rng.uniform(0, _INSTANT_S), 3))
    return fault, at, rng


def _of_all(seed: int) -> Fault:
    turn, part = divmod(seed, len(PARTS))
    faults = PARTS[sorted(PARTS)[part]]
    return faults[turn % len(faults)]


def names_of(seeds: Iterable[int], faults: Sequence[Fault] = ()) -> set[str]:
    """What breaks in the rounds of these seeds."""
    return {planned(seed, faults)[0].name for seed in seeds}


def base_history() -> History:
    """Of what the site made before anybody wrote."""
    history = History()
    for each in base_intent():
        history.record((each["kind"], each["metadata"]["name"]), each["spec"], "ok")
    history.revisions.clear()
    return history


def run_round(
    site: FaultSite, history: History, seed: int, within: float, faults: Sequence[Fault]
) -> Round:
    """Breaks, mends and looks; the fleet is at rest before and after."""
    fault, told, rng = planned(seed, faults)
    history.counts = {"ok": 0, "fail": 0, "unknown": 0}
    history.faults.clear()
    with _traffic(told, fault):
        mended = _break(site, history, fault, told, rng)
        _, missing = site.wait_settled(_GIVEN_UP_AFTER_S)
        told.converged_s = round(time.monotonic() - mended, 3)
    if missing or told.converged_s > within:
        told.violations.append(
            f"not converged {told.converged_s:.1f} s after it was mended: {missing}"
        )
    _look(site, history, told)
    told.writes = dict(history.counts)
    return told


def _break(
    site: FaultSite, history: History, fault: Fault, told: Round, rng: random.Random
) -> float:
    """The moment when it was mended."""
    lab = site.lab
    with Writer(lab.url, lab.admin_token, history, choose, rng.getrandbits(32)):
        time.sleep(told.instant_s)
        broken = time.monotonic()
        try:
            fault.inflict(site, told.host, rng)
        except LabError as error:
            told.violations.append(str(error))
        mended = time.monotonic()
    told.inflicted_s = round(mended - broken, 3)
    return mended


@contextmanager
def _traffic(told: Round, fault: Fault) -> Iterator[None]:
    with flow(FLOW_FROM, FLOW_TO, _RATE) as running:
        yield
        _judge(told, fault, running.finish())


def _judge(told: Round, fault: Fault, got: Delivery) -> None:
    told.sent, told.lost, told.longest_gap_ms = got.sent, got.lost, got.longest_gap_ms
    if fault.spares_traffic and (got.lost or got.repeated):
        told.violations.append(f"{got.lost} of {got.sent} lost, {got.repeated} repeated")


def _look(site: FaultSite, history: History, told: Round) -> None:
    stored, revisions = read_back(site.fleet, 10)
    told.violations += history.violations(stored, revisions)
    told.violations += fault_fabric.violations(site.lab, stored)
    told.violations += site.foreign_changes()
    if told.violations:
        site.remember_foreign()
    history.settle(stored)


class RoundsFailed(AssertionError):  # noqa: N818
    """Some round broke a promise; the lines say which."""


def judge(rounds: Sequence[Round]) -> None:
    if broken := [each for each in rounds if each.violations]:
        raise RoundsFailed("\n".join(each.line() for each in broken))


def run_rounds(
    site: FaultSite,
    seeds: Sequence[int],
    results: Path,
    within: float = CONVERGED_WITHIN_S,
    faults: Sequence[Fault] = (),
) -> list[Round]:
    """A round for each seed; all of them are run, and told, before any is judged."""
    history = base_history()
    with results.open("a") as lines:
        return [_told(run_round(site, history, seed, within, faults), lines) for seed in seeds]


def _told(told: Round, lines: TextIO) -> Round:
    for out in (lines, sys.stdout):
        print(told.line(), file=out, flush=True)
    return told
