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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from tests.support.fault_site import directory_of_results

Result: TypeAlias = Mapping[str, Any]

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs/reliability.md"
NOT_RUN: Final = "not measured in this run"


@dataclass(frozen=True, slots=True)
class Promise:
    text: str
    test: str
    """Path and function, as pytest names them."""
    results: tuple[str, ...] = ()
    """Files of figures; none for what is asserted and not measured."""


_ROUNDS = "tests/faults/test_rounds.py::test_every_round_converges_and_loses_nothing"
_DISK = "tests/faults/test_disk.py::"
_CLOCK = "tests/faults/test_clock.py::"
_LINK = "tests/faults/test_partition.py::"
_OVS = "tests/faults/test_open_vswitch_recreated.py::"
_BOOT = "tests/faults/test_reboot.py::"

PROMISES: Final = (
    Promise(
        "The death of ovs-vswitchd costs no more packets than plain Open vSwitch's own restart.",
        "tests/faults/test_vswitchd.py"
        "::test_the_death_of_vswitchd_costs_no_more_than_plain_open_vswitchs_own_restart",
        ("vswitchd",),
    ),
    Promise(
        "An agent whose disk takes 300 ms for each fsync is late and right.",
        _DISK + "test_an_agent_with_a_slow_disk_is_late_and_right",
        ("agent_slow_disk",),
    ),
    Promise(
        "An agent whose disk fails says `StateNotWritten`, keeps the host, recovers by itself.",
        _DISK + "test_an_agent_whose_disk_fails_says_so_and_recovers_by_itself",
        ("agent_fsync_eio", "agent_write_eio"),
    ),
    Promise(
        "So it does where the disk is full.",
        _DISK + "test_an_agent_whose_disk_is_full_keeps_the_host_and_recovers_by_itself",
        ("agent_full_disk",),
    ),
    Promise(
        "While the database's disk takes 300 ms for each fsync, writes are slow and streams live.",
        _DISK + "test_writes_are_slow_and_streams_live_while_the_databases_disk_is_slow",
        ("database_slow_disk",),
    ),
    Promise(
        "A full disk of the database is told by 503 with a problem document, never by 500.",
        _DISK + "test_a_full_disk_of_the_database_is_told_in_problem_documents_and_never_by_500",
        ("database_full_disk",),
    ),
    Promise(
        "An agent's wall clock may jump an hour ahead and back: intent is followed as ever.",
        _CLOCK + "test_an_agent_whose_clock_jumps_by_an_hour_follows_intent_as_ever",
        ("clock_of_agent",),
    ),
    Promise(
        "So may the controller's; a host that falls silent is shown within 15 s all the same.",
        _CLOCK + "test_a_controller_whose_clock_jumps_by_an_hour_orders_by_revision",
        ("clock_of_controller",),
    ),
    Promise(
        "Certificates bear a clock that is five minutes off.",
        _CLOCK + "test_an_agent_whose_clock_is_five_minutes_off_connects",
        ("clock_ahead", "clock_behind"),
    ),
    Promise(
        "A link that carries one direction only: told within 15 s, converged 10 s after.",
        _LINK + "test_a_host_that_is_heard_in_one_direction_only_is_told_stale_and_converges_after",
        ("partition_out", "partition_in"),
    ),
    Promise(
        "A link that flaps each second for 20 s changes nothing but what is written.",
        _LINK + "test_a_link_that_flaps_each_second_changes_nothing_but_what_is_written",
        ("link_flapping",),
    ),
    Promise(
        "A database of Open vSwitch that was deleted and made new is filled again.",
        _OVS + "test_a_new_database_is_filled_again",
        ("database_recreated",),
    ),
    Promise(
        "An older database is brought to what is intended, and nothing in it is deleted unasked.",
        _OVS + "test_an_older_database_is_brought_to_what_is_intended"
        "_and_nothing_in_it_is_deleted_unasked",
        ("database_older",),
    ),
    Promise(
        "A device that was deleted by hand is made and plugged again.",
        _OVS + "test_a_device_that_was_deleted_is_made_and_plugged_again",
        ("device_recreated",),
    ),
    Promise(
        "A host that boots while the controller is away comes back from its own disk, with its"
        " database of Open vSwitch or without.",
        _BOOT + "test_a_host_comes_back_from_its_own_disk_while_the_controller_is_away",
        ("reboot_database_kept", "reboot_database_lost"),
    ),
    Promise(
        "So does a host without Open vSwitch.",
        _BOOT + "test_a_host_without_open_vswitch_comes_back_from_its_own_disk",
        ("reboot_without_open_vswitch",),
    ),
    Promise(
        "An idle restart of an agent writes nothing, and packets flow while it is away.",
        "tests/e2e/test_demo.py"
        "::test_the_demo_proves_every_claim_also_after_one_that_was_killed_in_the_middle",
    ),
)

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
- **lost**: datagrams that did not arrive. For all but ovs-vswitchd's own death and hanging, one is
  a violation; forwarding in userspace *is* ovs-vswitchd.

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
        f"without an answer; {sum(each['sent'] for each in rounds)} datagrams. By `{_ROUNDS}`."
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
