"""Reads a stream of YAML documents into plain values, and remembers the line of each of them.

Pure. Built on the parser's events, because they still show what a loaded value hides: anchors,
aliases, tags and duplicate keys. All four are refused, they let a small file mean something other
than what a reviewer reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import ScalarNode

from controller.api.violations import pointer, shown
from controller.domain.errors import MalformedError, Violation

MOST_KEYS = 1000
"""Of one mapping; what is wrong is told for each of them."""

_DEEPEST = 32
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float"))

Path = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Documents:
    values: list[Any]
    """Documents with nothing in them are left out."""
    lines: dict[str, int]
    """JSON pointer, whose first step is the number of the document, to line from 1."""


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not been read yet."""

    value: dict[str, Any] | list[Any]
    path: Path
    key: str | None = None
    """Of a mapping: the key that waits for its value."""

    def next_path(self) -> Path:
        step = len(self.value) if isinstance(self.value, list) else self.key
        return (*self.path, "" if step is None else step)


@dataclass(slots=True)
class _Reader:
    yaml: YAML = field(default_factory=lambda: YAML(typ="safe", pure=True))
    values: list[Any] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    stack: list[_Open] = field(default_factory=list)

    def take(self, event: Event) -> None:
        match event:
            case DocumentStartEvent():
                _refuse_directives(event)
            case NodeEvent():
                _refuse_indirection(event)
                self._take_node(event)
            case MappingEndEvent() | SequenceEndEvent():
                self.stack.pop()

    def _take_node(self, event: Event) -> None:
        match event:
            case ScalarEvent():
                self._take_scalar(event)
            case MappingStartEvent():
                self._open({}, event)
            case SequenceStartEvent():
                self._open([], event)

    def _take_scalar(self, event: ScalarEvent) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            self._take_key(top, top.value, event)
        elif top is not None or event.value != "":
            self._add(self._scalar(event), event)

    def _take_key(self, top: _Open, mapping: dict[str, Any], event: ScalarEvent) -> None:
        if event.value in mapping:
            raise _refusal(
                event,
                "duplicate_key",
                f"key {shown(event.value)} stands twice in one mapping",
                "keep one of the two",
            )
        if len(mapping) >= MOST_KEYS:
            raise _refusal(
                event,
                "too_many_keys",
                f"one mapping has more than {MOST_KEYS} keys",
                "look for a wrong indentation",
            )
        top.key = event.value
        # The line of the key is where a person looks, even when the value starts further down.
        self.lines[pointer(top.next_path())] = _line(event)

    def _open(self, value: dict[str, Any] | list[Any], event: Event) -> None:
        if len(self.stack) >= _DEEPEST:
            raise _refusal(
                event,
                "too_deep",
                f"more than {_DEEPEST} levels of nesting",
                "manifests need five; look for a wrong indentation",
            )
        if self.stack and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None:
            raise _refusal(
                event, "wrong_key", "a key is a mapping or a list", "write keys as plain words"
            )
        path = self._add(value, event)
        self.stack.append(_Open(value, path))

    def _add(self, value: Any, event: Event) -> Path:
        if not self.stack:
            path: Path = (len(self.values),)
            self.values.append(value)
        else:
            top = self.stack[-1]
            path = top.next_path()
            if isinstance(top.value, dict):
                top.value[str(top.key)] = value
                top.key = None
            else:
                top.value.append(value)
        self.lines.setdefault(pointer(path), _line(event))
        return path

    def _scalar(self, event: ScalarEvent) -> Any:
        tag = str(self.yaml.resolver.resolve(ScalarNode, event.value, event.implicit))
        if tag not in _PLAIN_TAGS:
            return event.value
        node = ScalarNode(tag, event.value, event.start_mark, event.end_mark)
        return SafeConstructor(loader=self.yaml).construct_object(node)


def read_documents(text: str) -> Documents:
    """MalformedError, with line and column, when the text is not YAML that is taken here."""
    reader = _Reader()
    try:
        for event in _events(reader.yaml, text):
            reader.take(event)
    except MarkedYAMLError as error:
        raise _syntax_error(error) from error
    except (YAMLError, ValueError) as error:
        raise _malformed("not_yaml", f"the body is not YAML: {error}") from error
    return Documents(reader.values, reader.lines)


def _events(yaml: YAML, text: str) -> Iterator[Event]:
    yield from yaml.parse(text)


def _refuse_directives(event: DocumentStartEvent) -> None:
    if event.version is not None or event.tags:
        raise _refusal(
            event,
            "directive",
            "directives (%YAML, %TAG) are not taken",
            "remove the line with the percent sign; YAML 1.2 is meant",
        )


def _refuse_indirection(event: NodeEvent) -> None:
    if isinstance(event, AliasEvent):
        raise _refusal(event, "alias", f"alias *{event.anchor} is not taken", "write the value out")
    if event.anchor is not None:
        raise _refusal(event, "anchor", f"anchor &{event.anchor} is not taken", "remove the anchor")
    if getattr(event, "ctag", None) is not None:
        raise _refusal(
            event, "tag", f"tag {getattr(event, 'tag', '')} is not taken", "remove the tag"
        )


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1


def _refusal(event: Event, code: str, reason: str, fix: str) -> MalformedError:
    place = f"line {_line(event)}, column {int(event.start_mark.column) + 1}"
    return _malformed(code, f"the YAML is refused at {place}: {reason}", fix)


def _syntax_error(error: MarkedYAMLError) -> MalformedError:
    mark = error.problem_mark or error.context_mark
    place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    reason = ", ".join(part for part in (error.context, error.problem) if part)
    return _malformed("not_yaml", f"the body is not YAML{place}: {reason}")


def _malformed(
    code: str, detail: str, fix: str = "correct that place; indentation counts in YAML"
) -> MalformedError:
    return MalformedError(detail, [Violation("", code, detail, fix)])
