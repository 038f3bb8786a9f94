"""For how long hosts could make themselves heard here: silence proves nothing about a host while
nobody listens.

Nobody listens before the process runs, and while the database, where every session begins, is away.
The wall clock that says when a host was heard must not be set meanwhile either: a host that was
heard a second ago would have been silent for as long as the clock jumped. Owns nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from controller.southbound.timing import Clock, utc_now

_GAP_S = 15.0
"""Without a sign that sessions can begin, longer than the database is looked at apart, whatever
else there is to do. What is shorter costs an agent one attempt to connect."""
_STEP_S = 1.0
"""That the wall clock moved more or less than time went by. A clock that is slewed to the right
time moves half a millisecond in a second."""


class Listening:
    """Told by ``works`` each time that a session could begin; read from any thread."""

    def __init__(
        self, clock: Clock = utc_now, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        # Replaced whole, as others read it meanwhile: since when, the newest sign, clock less time.
        self._state: tuple[float, float, float] | None = None

    def works(self) -> None:
        now, ahead = self._times()
        state = self._state
        since = now if state is None or self._is_broken(state, now, ahead) else state[0]
        self._state = since, now, ahead

    def lasts(self) -> timedelta:
        """How long it has been so without a break; nothing when it is not so now."""
        now, ahead = self._times()
        state = self._state
        if state is None or self._is_broken(state, now, ahead):
            return timedelta(0)
        return timedelta(seconds=now - state[0])

    def _times(self) -> tuple[float, float]:
        now = self._monotonic()
        return now, self._clock().timestamp() - now

    @staticmethod
    def _is_broken(state: tuple[float, float, float], now: float, ahead: float) -> bool:
        _, newest, ahead_before = state
        return now - newest > _GAP_S or abs(ahead - ahead_before) > _STEP_S
