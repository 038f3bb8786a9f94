"""How long to wait before trying again: exponential growth with full jitter.

Full jitter (a uniform draw from zero to the bound) spreads a thousand agents that lost their
controller at the same instant. Randomness is an argument, so tests draw what they like.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """A row of growing delays; ``reset`` starts it again after a success."""

    first: float
    longest: float
    rng: random.Random
    floor: float = 0.0
    attempts: int = 0

    def next_delay(self) -> float:
        bound = min(self.longest, self.first * 2.0 ** min(self.attempts, 32))
        self.attempts += 1
        return max(self.floor, self.rng.uniform(0.0, bound))

    def reset(self) -> None:
        self.attempts = 0
