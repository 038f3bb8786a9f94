"""Wall clock and retry delays of the southbound side, so that tests can choose them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]

_FIRST_S = 0.1
_LONGEST_S = 2.0


def utc_now() -> datetime:
    return datetime.now(UTC)


def retry_delays() -> Iterator[float]:
    """Yield growing delays with jitter, so that replicas do not knock together."""
    delay = _FIRST_S
    while True:
        yield delay * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
        delay = min(delay * 2, _LONGEST_S)
