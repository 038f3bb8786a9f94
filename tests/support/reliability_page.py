"""The page ``docs/reliability.md``: what is promised, which test breaks it, and what it measured.

``python -m tests.support.reliability_page`` writes it from ``build/faults``, where ``make
test-faults`` leaves its figures. A promise without figures says so. Owns nothing.
"""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.support.fault_results import (
    ON_TRIAL,
    ROOT,
    Result,
    directory_of_results,
    read_outcomes,
    read_results,
    read_rounds,
)
from tests.support.promises import PROMISES, Promise

PAGE: Final = ROOT / "docs/reliability.md"
NOT_RUN: Final = "not measured in this run"
_ROUNDS: Final = "test_every_round_converges_and_loses_nothing"
_ABOUT: Final = frozenset({"test", "commit", "at"})
"""What a result has beside its figures."""


_HEAD = """# Reliability

What is promised, the test that tries to break it, and what was measured. `make test-faults` runs
all of it on the lab of `make demo` (three hosts with Open vSwitch, one without, one controller with
its own PostgreSQL) and writes this page. `ROUNDS=` and `SEED=` choose other rounds.

{machine}

## Rounds

{rounds}

In each round a client writes segments and ports over REST, one write after the other, a sender
numbers datagrams from one host to another (600 each second), and at a random instant something is
broken. Once it is mended, these are looked at:

- **converged**: every agent is connected and says that all is applied, and the controller that
  every object is Ready. Counted from the moment of mending (the process is there again; of the
  controller: `/readyz` says so). More than 5 s is a violation.
- **intent**: each write is logged as acknowledged, refused or unknown. What was acknowledged must
  be there, once; what was refused must not.
- **hosts**, by ovsdb-client, ip and bridge: no interface or tunnel twice, none too few or too many.
- **others' things** are as before: every row of every table without ovsfleet's mark, devices with
  addresses, forwarding entries, qdiscs. Not compared is what Open vSwitch and the kernel change by
  themselves: columns that the schema calls ephemeral, counters and timers.
- **lost**: datagrams that did not arrive. For all but the deaths of ovs-vswitchd and ovsdb-server
  and a hanging ovs-vswitchd, one is a violation. In userspace, as here, ovs-vswitchd forwards, and
  not while its database is away; below, that is measured beside Open vSwitch without ovsfleet.

{table}

{violations}

## Promises

{promises}
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What ``make test-faults`` left."""

    rounds: Sequence[Result] = ()
    on_trial: Sequence[Result] = ()
    """Rounds in which every change has to be confirmed."""
    results: Mapping[str, Result] = field(default_factory=dict)
    outcomes: Sequence[Result] = ()
    """Of the tests that ended."""

    @property
    def commit(self) -> str:
        """Of the newest of all that."""
        everything = [*self.rounds, *self.on_trial, *self.results.values(), *self.outcomes]
        newest = max(everything, key=lambda each: str(each.get("at", "")), default={})
        return str(newest.get("commit", ""))

    def elsewhere(self, result: Result) -> str:
        """Where a result was measured, when it is not what the page is of."""
        commit = result.get("commit", "")
        return "" if commit == self.commit else f" (at {commit or 'an unknown commit'})"

    def failed(self, function: str) -> list[str]:
        """Why the test failed, for each of its cases that did."""
        return [
            each["why"].strip().partition("\n")[0]
            for each in self.outcomes
            if each["outcome"] == "failed" and _function(each["test"]) == function
        ]


def read(directory: Path) -> Run:
    return Run(
        read_rounds(directory),
        read_rounds(directory, ON_TRIAL),
        read_results(directory),
        read_outcomes(directory),
    )


def render(machine: str, run: Run) -> str:
    commit = run.commit or "(unknown)"
    return _HEAD.format(
        machine=f"Measured at commit {commit} with `make test-faults` on {machine}.",
        rounds=_summary(run),
        table="\n".join(_table(run.rounds)),
        violations="\n".join(_violations(run)),
        promises="\n".join(_promises(run)),
    )


def _summary(run: Run) -> str:
    if not run.rounds:
        return f"Rounds: {NOT_RUN}."
    seeds = [each["seed"] for each in run.rounds]
    writes = {
        name: sum(each["writes"].get(name, 0) for each in run.rounds)
        for name in ("ok", "fail", "unknown")
    }
    broken = sum(bool(each["violations"]) for each in run.rounds)
    is_over = any(_function(each["test"]) == _ROUNDS for each in run.outcomes)
    elsewhere = sorted({run.elsewhere(each) for each in run.rounds})
    return (
        f"{len(seeds)} rounds, seeds {min(seeds)} to {max(seeds)}, {broken} with a violation"
        f"{'' if is_over else ', and nothing says that it came to its end'}{''.join(elsewhere)}; "
        f"{writes['ok']} writes acknowledged, {writes['fail']} refused, {writes['unknown']} "
        f"without an answer; {sum(each['sent'] for each in run.rounds)} datagrams. "
        f"By [`{_ROUNDS}`](../tests/faults/test_rounds.py)."
    )


def _violations(run: Run) -> Iterator[str]:
    """One line for each round in which a promise was broken."""
    for kind, rounds in (("", run.rounds), (" on trial", run.on_trial)):
        for each in rounds:
            if each["violations"]:
                said = "; ".join(map(_inline, each["violations"]))
                where = f"{each['fault']}{kind}, {each['host']}"
                yield f"- **Violation**, seed {each['seed']} ({where}): {said}"


def _inline(text: str) -> str:
    """As part of a line, of a table too."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _function(test: str) -> str:
    return test.partition("::")[2].partition("[")[0]


def _table(rounds: Sequence[Result]) -> Iterator[str]:
    yield "| what breaks | rounds | violations | lost | of | converged p50 | p99 | max |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    by_fault: dict[str, list[Result]] = defaultdict(list)
    for each in rounds:
        by_fault[each["fault"]].append(each)
    for fault, same in sorted(by_fault.items()):
        yield _row(fault, same)
    if rounds:
        yield _row("all", rounds)


def _row(fault: str, rounds: Sequence[Result]) -> str:
    took = sorted(each["converged_s"] for each in rounds)
    broken = sum(bool(each["violations"]) for each in rounds)
    lost, sent = (sum(each[name] for each in rounds) for name in ("lost", "sent"))
    figures = f"{statistics.median(took):.2f} s | {_p99(took):.2f} s | {took[-1]:.2f} s"
    return f"| {fault} | {len(rounds)} | {broken} | {lost} | {sent} | {figures} |"


def _p99(ordered: Sequence[float]) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def _promises(run: Run) -> Iterator[str]:
    yield "| promise | measured | test |"
    yield "|---|---|---|"
    for promise in PROMISES:
        path, _, function = promise.test.partition("::")
        where = f"[`{function}`](../{path})"
        yield f"| {promise.text} | {_measured(promise, run)} | {where} |"


def _measured(promise: Promise, run: Run) -> str:
    failed = [f"**failed**: {_inline(why)}" for why in run.failed(_function(promise.test))]
    said = [_figures(name, run) for name in promise.results]
    return "; ".join([*failed, *said]) or "asserted"


def _figures(name: str, run: Run) -> str:
    result = run.results.get(name)
    if result is None:
        return f"{name}: {NOT_RUN}"
    return f"{name}: " + ", ".join(_said(result, _ABOUT)) + run.elsewhere(result)


def _said(result: Result, without: Iterable[str] = ()) -> Iterator[str]:
    for key, value in result.items():
        if key in without:
            continue
        text = f"({', '.join(_said(value))})" if isinstance(value, dict) else f"{value}"
        yield f"{key} {text}"


def machine() -> str:
    """Where the figures are from."""
    switch = _output("ovs-vswitchd", "--version").splitlines()[0]
    return f"{os.cpu_count()} processors, Linux {platform.release()}, {switch}"


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return re.sub(r"\s+$", "", done.stdout)


if __name__ == "__main__":
    PAGE.write_text(render(machine(), read(directory_of_results())))
