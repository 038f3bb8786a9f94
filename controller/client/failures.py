"""Everything that can end a command, as an exit code and sentences for a person.

Pure: turns problem documents (RFC 9457) into ``CommandError``s; ``output`` prints them.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Locate: TypeAlias = Callable[[int], str]
"""Names the place behind a line number of the request: file, line and the line's text."""

# What the controller writes about YAML: behind a violation, and inside a syntax error.
_LINE_MARK = re.compile(r"\s*\(line (?P<line>\d+)\)\s*$|\bline (?P<syntax>\d+), column \d+")


class ExitCode(enum.IntEnum):
    ERROR = 1
    DIFFERENT = 2
    """There is a difference between files and fleet; also what wrong usage ends with."""
    AUTH = 3
    NOT_FOUND = 4
    CONFLICT = 5
    TIMEOUT = 6


_OF_HOSTS = frozenset({"host_away", "agent_too_old"})
"""Codes of problems that are a host's, and of which the controller's log knows nothing."""

_BY_STATUS: Mapping[int, ExitCode] = {
    401: ExitCode.AUTH,
    403: ExitCode.AUTH,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.CONFLICT,
    412: ExitCode.CONFLICT,
}


class CommandError(Exception):
    """A command cannot go on. ``lines`` say what to look at, ``hint`` the way out."""

    def __init__(
        self,
        message: str,
        *,
        lines: Sequence[str] = (),
        hint: str = "",
        exit_code: ExitCode = ExitCode.ERROR,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.lines = tuple(lines)
        self.hint = hint
        self.exit_code = exit_code


class RefusedError(CommandError):
    """The controller answered with a problem document."""

    def __init__(self, status: int, problem: Mapping[str, Any], locate: Locate | None) -> None:
        super().__init__(
            _headline(status, problem),
            lines=_lines(problem, locate),
            hint=_hint(status, problem),
            exit_code=_BY_STATUS.get(status, ExitCode.ERROR),
        )
        self.status = status
        self.problem = problem


def _lines(problem: Mapping[str, Any], locate: Locate | None) -> list[str]:
    violations = _violations(problem)
    lines = [_violation_lines(number, each, locate) for number, each in enumerate(violations, 1)]
    if len(violations) == 1 and not violations[0].get("pointer"):
        # The headline has said it, and there is no place to name.
        return [line.strip() for line in lines[0][1:]]
    return [line for each in lines for line in each]


def warning_lines(warning: Mapping[str, Any], locate: Locate | None) -> list[str]:
    """A warning beside success, worded as a violation is."""
    first, *rest = _violation_lines(1, warning, locate)
    return [f"warning: {first.removeprefix('1. ')}", *rest]


def _headline(status: int, problem: Mapping[str, Any]) -> str:
    title = str(problem.get("title") or f"the controller answered HTTP {status}")
    detail = str(problem.get("detail") or "")
    return f"{title}: {detail}" if detail and detail != title else title


def _hint(status: int, problem: Mapping[str, Any]) -> str:
    if status == 401:
        return "Sign in with `ovsfleet login URL --token TOKEN`, or set OVSFLEET_TOKEN."
    if problem.get("code") in _OF_HOSTS:
        return ""
    if status >= 500 and (request_id := problem.get("request_id")):
        return f"The controller's log has the reason under request id {request_id}."
    return ""


def _violations(problem: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    errors = problem.get("errors")
    return [e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else []


def _violation_lines(number: int, violation: Mapping[str, Any], locate: Locate | None) -> list[str]:
    detail = str(violation.get("detail", ""))
    place = ""
    if locate and (mark := _LINE_MARK.search(detail)):
        place = locate(int(mark["line"] or mark["syntax"]))
        if place and mark["line"]:
            detail = detail[: mark.start()]
    lines = [f"{number}. {violation.get('pointer') or '/'}: {detail}"]
    if place:
        lines.append(f"   at  {place}")
    if fix := str(violation.get("fix") or ""):
        lines.append(f"   fix {fix}")
    return lines
