"""Shapes of what passes at present. Owns nothing."""

from __future__ import annotations

from datetime import datetime

from controller.api.schemas.base import Answer


class CurrentRateDocument(Answer):
    subject: str
    """Resource id (`port:<uid>`, `tunnel:<uid>`, ...), or `device:<name>`."""
    sampled_at: datetime
    rates: dict[str, float]
    """Per second, of the counters that the host keeps: `rx_bytes`, `tx_packets`, ... Directions
    are the switch's: rx is what it received."""


class CurrentRateList(Answer):
    items: list[CurrentRateDocument]
