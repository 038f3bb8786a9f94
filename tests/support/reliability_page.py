"""The page ``docs/reliability.md``: what is promised, which test breaks it, and what it measured.

``python -m tests.support.reliability_page`` writes it from ``build/faults``, where ``make
test-faults`` leaves its figures. A promise without figures says so. Owns nothing.
"""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from tests.support.fault_site import directory_of_results
from tests.support.promises import PROMISES

Result: TypeAlias = Mapping[str, Any]

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs/reliability.md"
NOT_RUN: Final = "not measured in this run"
_ROUNDS: Final = "test_every_round_converges_and_loses_nothing"


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

## Promises

{promises}
"""


def read_results(directory: Path) -> dict[str, Result]:
    return {path.stem: json.loads(path.read_text()) for path in sorted(directory.glob("*.json"))}


def read_rounds(directory: Path) -> list[Result]:
    path = directory / "rounds.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def render(machine: str, rounds: Sequence[Result], results: Mapping[str, Result]) -> str:
    return _HEAD.format(
        machine=machine,
        rounds=_summary(rounds),
        table="\n".join(_table(rounds)),
        promises="\n".join(_promises(results)),
    )


def _summary(rounds: Sequence[Result]) -> str:
    if not rounds:
        return f"Rounds: {NOT_RUN}."
    seeds = [each["seed"] for each in rounds]
    broken = sum(bool(each["violations"]) for each in rounds)
    writes = {
        word: sum(each["writes"][word] for each in rounds) for word in ("ok", "fail", "unknown")
    }
    return (
        f"{len(rounds)} rounds, seeds {min(seeds)} to {max(seeds)}, {broken} with a violation; "
        f"{writes['ok']} writes acknowledged, {writes['fail']} refused, {writes['unknown']} "
        f"without an answer; {sum(each['sent'] for each in rounds)} datagrams. "
        f"By [`{_ROUNDS}`](../tests/faults/test_rounds.py)."
    )


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


def _promises(results: Mapping[str, Result]) -> Iterator[str]:
    yield "| promise | measured | test |"
    yield "|---|---|---|"
    for promise in PROMISES:
        said = "; ".join(_figures(name, results.get(name)) for name in promise.results)
        path, _, function = promise.test.partition("::")
        where = f"[`{function}`](../{path})"
        yield f"| {promise.text} | {said or 'asserted'} | {where} |"


def _figures(name: str, result: Result | None) -> str:
    if result is None:
        return f"{name}: {NOT_RUN}"
    return f"{name}: " + ", ".join(_said(result, {"test"}))


def _said(result: Result, without: Iterable[str] = ()) -> Iterator[str]:
    for key, value in result.items():
        if key in without:
            continue
        text = f"({', '.join(_said(value))})" if isinstance(value, dict) else f"{value}"
        yield f"{key} {text}"


def machine() -> str:
    """Where and of what the figures are."""
    commit = _output("git", "rev-parse", "--short", "HEAD")
    switch = _output("ovs-vswitchd", "--version").splitlines()[0]
    processors = f"{os.cpu_count()} processors, Linux {platform.release()}"
    return f"Measured at commit {commit} with `make test-faults` on {processors}, {switch}."


def _output(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return re.sub(r"\s+$", "", done.stdout)


if __name__ == "__main__":
    results = directory_of_results()
    PAGE.write_text(render(machine(), read_rounds(results), read_results(results)))
