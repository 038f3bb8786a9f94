"""Writes while things break, what was answered to each, and what may be there afterwards.

``History`` is pure. An acknowledged write must be there; one without an answer may be there; one
that was refused must not. Writes come from one thread, one after the other.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, TypeAlias

import httpx

from controller.client.fleet import Fleet, FleetError, ProblemError, UnreachableError

Json: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, str]
"""Kind and name."""
Outcome: TypeAlias = Literal["ok", "fail", "unknown"]

_PAUSE_S = 0.02
_ANSWER_S = 5.0


@dataclass(slots=True)
class History:
    """What may be stored, by object: specs in the words of the writer, None for no object."""

    possible: dict[Key, list[Json | None]] = field(default_factory=dict)
    revisions: dict[Key, int] = field(default_factory=dict)
    """Of objects of which exactly one state is possible, where it was acknowledged."""
    counts: dict[str, int] = field(default_factory=lambda: {"ok": 0, "fail": 0, "unknown": 0})
    answers: Counter[str] = field(default_factory=Counter)
    """To writes: status and code, ``refused`` for no connection, ``none`` for silence."""
    faults: list[str] = field(default_factory=list)
    """Answers that may never be given."""

    def record(self, key: Key, wanted: Json | None, outcome: Outcome, revision: int = 0) -> None:
        self.counts[outcome] += 1
        if outcome == "ok":
            self.possible[key] = [wanted]
            self.revisions[key] = revision
        elif outcome == "unknown":
            self.possible.setdefault(key, [None]).append(wanted)
            self.revisions.pop(key, None)

    def settle(self, found: Mapping[Key, Json]) -> None:
        """What is there now is what counts from now on."""
        self.possible = {key: [found.get(key)] for key in self.possible}

    def violations(self, found: Mapping[Key, Json], revisions: Mapping[Key, int]) -> list[str]:
        """What is there and may not, or is not and must; ``found`` is as the API tells it."""
        wrong = [
            f"{'/'.join(key)} is {found.get(key)}, and may be {states}"
            for key, states in self.possible.items()
            if not any(_is(found.get(key), state) for state in states)
        ]
        twice = [
            f"{'/'.join(key)} was acknowledged at {at} and is at {revisions[key]}"
            for key, at in self.revisions.items()
            if key in revisions and revisions[key] != at
        ]
        return [*self.faults, *wrong, *twice]


def _is(found: Json | None, wanted: Json | None) -> bool:
    if found is None or wanted is None:
        return found is wanted
    return all(found.get(name) == value for name, value in wanted.items())


@dataclass(frozen=True, slots=True)
class Write:
    """One object that is to be, or with None not to be."""

    key: Key
    spec: Json | None


Choose: TypeAlias = Callable[[random.Random, Mapping[Key, list[Json | None]]], Write]


class Writer:
    """Writes until it is stopped, as fast as answers come, and records each."""

    def __init__(self, url: str, token: str, history: History, choose: Choose, seed: int) -> None:
        self.history = history
        self._fleet = Fleet(url, token, attempts=1, timeout_s=_ANSWER_S)
        self._choose = choose
        self._rng = random.Random(seed)  # noqa: S311 (no secret)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(_ANSWER_S * 2)
        self._fleet.close()

    def _run(self) -> None:
        while not self._stopped.wait(_PAUSE_S):
            self.write(self._choose(self._rng, self.history.possible))

    def write(self, write: Write) -> None:
        try:
            revision = self._send(write)
        except ProblemError as problem:
            if problem.status == 500:
                self.history.faults.append(f"500 to {write}: {problem}")
            self.history.answers[f"{problem.status} {problem.code}"] += 1
            # Of a commit that broke off nobody knows.
            self.history.record(write.key, write.spec, _outcome(problem.status))
        except UnreachableError as error:
            refused = isinstance(error.__cause__, httpx.ConnectError)
            self.history.answers["refused" if refused else "none"] += 1
            self.history.record(write.key, write.spec, "fail" if refused else "unknown")
        except FleetError as error:
            self.history.faults.append(f"{write}: {error!r}")
        else:
            self.history.answers["2xx"] += 1
            self.history.record(write.key, write.spec, "ok", revision)

    def _send(self, write: Write) -> int:
        kind, name = write.key
        manifest: Any = {"kind": kind, "metadata": {"name": name}}
        if write.spec is None:
            result = self._fleet.delete([manifest])
        else:
            result = self._fleet.apply([manifest | {"spec": write.spec}])
        return result["results"][0]["revision"]


def _outcome(status: int) -> Outcome:
    return "unknown" if status >= 500 else "fail"


def read_back(fleet: Fleet, within: float) -> tuple[dict[Key, Json], dict[Key, int]]:
    """Specs and revisions of all segments and ports that are stored."""
    deadline = time.monotonic() + within
    while True:
        try:
            documents = [*fleet.segments.list(), *fleet.ports.list()]
        except FleetError:
            if time.monotonic() > deadline:
                raise
        else:
            keys = [(str(d["kind"]), d["metadata"]["name"]) for d in documents]
            specs = dict(zip(keys, (d["spec"] for d in documents), strict=True))
            at = dict(zip(keys, (d["metadata"]["revision"] for d in documents), strict=True))
            return specs, at
