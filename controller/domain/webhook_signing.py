"""How a receiver knows that a message is ours and fresh, and when a failed one is sent again.

Pure. Headers, secrets and signatures are those of the Standard Webhooks specification, so that a
receiver can check them with any of its libraries.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

PREFIX = "whsec_"
SECRET_BYTES = 32
_FEWEST_BYTES, _MOST_BYTES = 24, 64

_PAUSES_S = (5, 15, 45, 120, 360, 900, 2100)
ATTEMPTS = len(_PAUSES_S) + 1
"""A receiver may be away for about an hour."""

JITTER = 0.2
"""Part of a pause by which it is made longer or shorter, so that not all come back at once."""


def encode_secret(key: bytes) -> str:
    return PREFIX + base64.b64encode(key).decode()


def decode_secret(secret: str) -> bytes:
    """ValueError says what is wrong with it, without repeating it."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"it does not begin with {PREFIX}")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"what follows {PREFIX} is not base64") from error
    if not _FEWEST_BYTES <= len(key) <= _MOST_BYTES:
        raise ValueError(f"it holds {len(key)} bytes, not {_FEWEST_BYTES} to {_MOST_BYTES}")
    return key


def headers(secret: str, message_id: UUID, timestamp: int, body: bytes) -> Mapping[str, str]:
    """``timestamp`` in seconds since 1970: when this attempt is made."""
    signed = b".".join([str(message_id).encode(), str(timestamp).encode(), body])
    digest = hmac.new(decode_secret(secret), signed, hashlib.sha256).digest()
    return {
        "Webhook-Id": str(message_id),
        "Webhook-Timestamp": str(timestamp),
        "Webhook-Signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def pause_after(attempt: int, jitter: float) -> timedelta | None:
    """How long to wait after a failed attempt (from 1); ``jitter`` from -1 to 1. None: give up."""
    if attempt >= ATTEMPTS:
        return None
    return timedelta(seconds=_PAUSES_S[attempt - 1] * (1 + JITTER * jitter))
