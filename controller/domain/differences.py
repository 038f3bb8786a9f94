"""What differs between two documents of plain values, field by field. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class Difference(NamedTuple):
    pointer: str
    """JSON pointer (RFC 6901) of the field."""
    before: Any
    """None also where there was none, and so for ``after``."""
    after: Any


def differences(before: Any, after: Any, pointer: str = "") -> Iterator[Difference]:
    """In the order of the fields; the smallest parts that differ.

    Lists of another length, and of what has no fields, differ as a whole: which of their items is
    which nobody knows."""
    if before == after and type(before) is type(after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from differences(before.get(key), after.get(key), f"{pointer}/{_escaped(key)}")
    elif _is_alike(before, after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, f"{pointer}/{index}")
    else:
        yield Difference(pointer, before, after)


def _is_alike(before: Any, after: Any) -> bool:
    """Whether both are lists of as many mappings."""
    if not (_is_list(before) and _is_list(after) and len(before) == len(after)):
        return False
    return all(isinstance(each, Mapping) for each in [*before, *after])


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _escaped(key: str) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")
