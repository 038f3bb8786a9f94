"""Signatures, secrets and pauses of webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
from itertools import pairwise
from uuid import UUID

import pytest

from controller.domain import webhook_signing as signing

ID = UUID("6f1c1a52-3c0e-4d7e-9d0a-0f4f3f1c2b3a")


def test_a_signature_covers_id_time_and_body() -> None:
    key = bytes(range(24))
    made = signing.headers(signing.encode_secret(key), ID, 1_614_265_330, b'{"test":1}')
    expected = hmac.new(key, f'{ID}.1614265330.{{"test":1}}'.encode(), hashlib.sha256).digest()
    assert made == {
        "Webhook-Id": str(ID),
        "Webhook-Timestamp": "1614265330",
        "Webhook-Signature": f"v1,{base64.b64encode(expected).decode()}",
    }


@pytest.mark.parametrize(
    "secret",
    ["", "x" * 32, "whsec_", "whsec_c2hvcnQ=", "whsec_%%%", "whsec_é", "whsec_" + "A" * 88],
)
def test_a_secret_that_is_none_is_refused_without_being_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match=r"whsec_|bytes") as refused:
        signing.decode_secret(secret)
    assert not secret.removeprefix("whsec_") or secret not in str(refused.value)


def test_pauses_grow_and_end_after_about_an_hour() -> None:
    pauses = [signing.pause_after(attempt, 0) for attempt in range(1, signing.ATTEMPTS)]
    seconds = [pause.total_seconds() for pause in pauses if pause is not None]
    assert len(seconds) == signing.ATTEMPTS - 1 == 7
    assert all(later > 2 * earlier for earlier, later in pairwise(seconds))
    assert 50 * 60 < sum(seconds) < 70 * 60
    assert signing.pause_after(signing.ATTEMPTS, 0) is None


def test_jitter_spreads_a_pause_both_ways() -> None:
    spread = [signing.pause_after(1, jitter) for jitter in (-1, 1)]
    assert [pause and pause.total_seconds() for pause in spread] == [4, 6]
