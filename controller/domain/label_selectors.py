"""Label selectors: ``k=v``, ``k!=v``, ``k in (a,b)``, ``k notin (a,b)``, ``k``, ``!k``.

Pure. Requirements are joined by commas and must all hold, as in the Kubernetes API.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.domain.errors import InvalidError, Violation

_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?"
_SET = re.compile(rf"\s*({_WORD})\s+(in|notin)\s*\(([^()]*)\)\s*")
_EQUALITY = re.compile(rf"\s*({_WORD})\s*(==|=|!=)\s*({_WORD})?\s*")
_EXISTENCE = re.compile(rf"\s*(!?)\s*({_WORD})\s*")
_VALUE = re.compile(rf"(?:{_WORD})?")


@dataclass(frozen=True, slots=True)
class Requirement:
    """The label ``key`` has one of ``values``; with ``negated``, it has not.

    ``values`` None asks only whether the key is there. A negated requirement holds for objects
    without the key.
    """

    key: str
    values: frozenset[str] | None
    negated: bool = False

    def holds(self, labels: Mapping[str, str]) -> bool:
        found = self.key in labels and (self.values is None or labels[self.key] in self.values)
        return found is not self.negated


@dataclass(frozen=True, slots=True)
class Selector:
    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(requirement.holds(labels) for requirement in self.requirements)

    @property
    def equalities(self) -> dict[str, str]:
        """The part that a database can look up; what it finds must still be matched."""
        return {
            requirement.key: next(iter(requirement.values))
            for requirement in self.requirements
            if requirement.values is not None
            and len(requirement.values) == 1
            and not requirement.negated
        }


def parse_selector(text: str) -> Selector:
    """InvalidError, with the place, for what is not a selector."""
    requirements: list[Requirement] = []
    position = 0
    while text.strip() and position <= len(text):
        requirement, position = _parse_one(text, position)
        requirements.append(requirement)
        if position < len(text) and text[position] != ",":
            raise _invalid(text, position)
        if position == len(text):
            break
        position += 1
    return Selector(tuple(requirements))


def _parse_one(text: str, position: int) -> tuple[Requirement, int]:
    if found := _SET.match(text, position):
        key, verb, listed = found.groups()
        values = [value.strip() for value in listed.split(",")]
        if not all(_VALUE.fullmatch(value) for value in values):
            raise _invalid(text, found.start(3))
        return Requirement(key, frozenset(values), verb == "notin"), found.end()
    if found := _EQUALITY.match(text, position):
        key, verb, value = found.groups()
        return Requirement(key, frozenset({value or ""}), verb == "!="), found.end()
    if found := _EXISTENCE.match(text, position):
        return Requirement(found[2], None, bool(found[1])), found.end()
    raise _invalid(text, position)


def _invalid(text: str, position: int) -> InvalidError:
    detail = f"label_selector {text!r} cannot be read at character {position + 1}"
    fix = "use k=v, k!=v, k in (a,b), k notin (a,b), k or !k, joined by commas"
    return InvalidError(detail, [Violation("", "label_selector", detail, fix)])


def may_meet(first: Selector, second: Selector) -> bool:
    """Whether some labels exist that both match. Keys do not depend on each other, so it is exact.

    What is false can be relied on, whatever labels objects have or get."""
    by_key: dict[str, list[Requirement]] = {}
    for requirement in (*first.requirements, *second.requirements):
        by_key.setdefault(requirement.key, []).append(requirement)
    return all(_can_hold(requirements) for requirements in by_key.values())


def _can_hold(requirements: Sequence[Requirement]) -> bool:
    """Whether one label, or its absence, meets all of these requirements about its key."""
    if all(requirement.negated for requirement in requirements):
        return True
    if any(each.negated and each.values is None for each in requirements):
        return False
    named = [each.values for each in requirements if each.values is not None and not each.negated]
    if not named:
        return True
    refused = [each.values for each in requirements if each.values is not None and each.negated]
    return bool(frozenset.intersection(*named).difference(*refused))
