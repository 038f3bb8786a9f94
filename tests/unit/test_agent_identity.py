"""A host's identity: enrolling, storing, renewing, and what is said when it cannot."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from agent.controlplane.identity import (
    IdentityError,
    IdentityStore,
    JoinToken,
    describe_expiry,
    enrol,
    renewal_due,
)
from tests.support.agent_shell import seeded
from tests.support.southbound import ControllerEnd, TestAuthority, controller_end


@pytest.fixture
async def controller() -> AsyncIterator[ControllerEnd]:
    async with controller_end() as started:
        yield started


@pytest.fixture
def store(tmp_path: Path) -> IdentityStore:
    return IdentityStore(tmp_path / "identity")


def token(controller: ControllerEnd, **changes: str) -> JoinToken:
    return JoinToken.parse(controller.join_token(**changes))


async def test_a_join_token_becomes_an_identity(
    controller: ControllerEnd, store: IdentityStore
) -> None:
    identity = await enrol(store, token(controller), rng=seeded())
    assert identity.profile.host_uid == controller.host_uid
    assert identity.profile.fleet_uid == controller.fleet_uid
    assert identity.profile.southbound == controller.southbound
    assert store.load() == identity


async def test_every_file_of_an_identity_is_its_owners_alone(
    controller: ControllerEnd, store: IdentityStore
) -> None:
    await enrol(store, token(controller), rng=seeded())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store.directory.iterdir()}
    assert modes == dict.fromkeys(("key.pem", "cert.pem", "ca.pem", "identity.json"), 0o600)
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700


async def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    controller: ControllerEnd, store: IdentityStore
) -> None:
    controller.lose_enrol_answers = 2
    await enrol(store, token(controller), rng=seeded())
    assert len(controller.enrolled_keys) == 3
    assert len(set(controller.enrolled_keys)) == 1


async def test_enrolling_again_after_a_crash_uses_the_key_that_is_there(
    controller: ControllerEnd, store: IdentityStore
) -> None:
    before = store.key().public_key()
    identity = await enrol(store, token(controller), rng=seeded())
    assert identity.certificate.public_key() == before


async def test_a_wrong_secret_is_refused_at_once_with_the_way_out(
    controller: ControllerEnd, store: IdentityStore
) -> None:
    with pytest.raises(IdentityError, match="make a new one"):
        await enrol(store, token(controller, secret="guess"), rng=seeded())
    assert store.load() is None


async def test_a_controller_of_another_authority_is_not_trusted(
    controller: ControllerEnd, store: IdentityStore
) -> None:
    stranger = token(controller)
    forged = JoinToken(
        stranger.endpoint, stranger.southbound, "h1", stranger.secret, TestAuthority().pem
    )
    with pytest.raises(IdentityError, match="did not answer"):
        await enrol(store, forged, rng=seeded(), patience_s=0.5)
    assert controller.enrolled_keys == []


async def test_an_absent_controller_leaves_the_token_good(
    controller: ControllerEnd, store: IdentityStore
) -> None:
    await controller.stop()
    with pytest.raises(IdentityError, match="The join token is still good"):
        await enrol(store, token(controller), rng=seeded(), patience_s=0.3)


async def test_a_machine_does_not_change_its_host_by_another_token(
    controller: ControllerEnd, store: IdentityStore
) -> None:
    await enrol(store, token(controller), rng=seeded())
    with pytest.raises(IdentityError, match="enrolled as host h1, the join token is for h2"):
        await enrol(store, token(controller, host="h2"), rng=seeded())


@pytest.mark.parametrize(
    "text",
    ["", "hunter2", "ovsfleet-join-v1.", "ovsfleet-join-v1.!!", "ovsfleet-join-v1.e30"],
)
def test_a_damaged_join_token_is_refused_in_words(text: str) -> None:
    with pytest.raises(IdentityError, match="join token"):
        JoinToken.parse(text)


def test_a_certificate_is_renewed_about_half_way_through_its_life() -> None:
    authority = TestAuthority()
    certificate = authority.certificate
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    shares = {
        (renewal_due(certificate, seeded(seed)) - certificate.not_valid_before_utc) / life
        for seed in range(50)
    }
    assert 0.45 <= min(shares) < max(shares) <= 0.55


def test_an_expired_certificate_names_the_way_out() -> None:
    certificate = TestAuthority().certificate
    end = certificate.not_valid_after_utc
    assert describe_expiry(certificate, end) is None
    expired = describe_expiry(certificate, end + timedelta(seconds=1))
    assert expired is not None
    assert "ovsfleet-agent enroll" in expired


def test_a_damaged_identity_says_how_to_start_over(store: IdentityStore) -> None:
    store.directory.mkdir()
    (store.directory / "identity.json").write_text("{")
    with pytest.raises(IdentityError, match="enrol again"):
        store.load()


def test_the_key_is_made_once_on_the_curve_p_256(store: IdentityStore) -> None:
    key = store.key()
    assert key.curve.name == "secp256r1"
    numbers = [each.private_numbers().private_value for each in (key, store.key())]
    assert numbers[0] == numbers[1]
    pem = (store.directory / "key.pem").read_bytes()
    assert serialization.load_pem_private_key(pem, None) is not None
