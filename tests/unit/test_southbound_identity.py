"""The fleet's certificate authority: whom it certifies, whom it believes, and its files."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from controller.config import Settings
from controller.domain.errors import InvalidError, UnauthenticatedError
from controller.southbound.identity import Authority, IdentityStoreError

FLEET = UUID(int=1)
NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.load_or_create(tmp_path / "ca", FLEET)


def signing_request(key: ec.EllipticCurvePrivateKey, *names: x509.GeneralName) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return der(builder.sign(key, hashes.SHA256()))


def der(request: x509.CertificateSigningRequest) -> bytes:
    return request.public_bytes(serialization.Encoding.DER)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def issue(authority: Authority, host_uid: UUID, *names: x509.GeneralName) -> x509.Certificate:
    issued = authority.sign_host(signing_request(new_key(), *names), host_uid, now=NOW)
    return x509.load_pem_x509_certificate(issued.pem)


def test_a_host_certificate_says_who_it_is_for_a_day_and_no_more(authority: Authority) -> None:
    uid = uuid4()
    certificate = issue(authority, uid)
    extensions = certificate.extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(names) == [x509.UniformResourceIdentifier(f"spiffe://{FLEET}/host/{uid}")]
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.not_valid_before_utc == NOW - timedelta(minutes=5)
    assert certificate.not_valid_after_utc == NOW + timedelta(hours=24)
    identity = authority.read_host(certificate)
    assert identity.host_uid == uid
    assert not identity.expired(NOW + timedelta(hours=23))
    assert identity.expired(NOW + timedelta(hours=24))


def test_names_in_a_request_are_ignored(authority: Authority) -> None:
    mine, other = uuid4(), uuid4()
    wish = x509.UniformResourceIdentifier(f"spiffe://{FLEET}/host/{other}")
    assert authority.read_host(issue(authority, mine, wish)).host_uid == mine


def test_a_request_must_be_signed_by_a_p256_key(authority: Authority) -> None:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    valid = signing_request(new_key())
    bad = [
        b"",
        b"\x30\x00",
        valid[:-1],
        valid[:-1] + bytes([valid[-1] ^ 1]),
        valid + bytes(20_000),
        der(builder.sign(ec.generate_private_key(ec.SECP384R1()), hashes.SHA256())),
        der(builder.sign(rsa.generate_private_key(65537, 2048), hashes.SHA256())),
        der(builder.sign(ed25519.Ed25519PrivateKey.generate(), None)),
    ]
    for request in bad:
        with pytest.raises(InvalidError):
            authority.sign_host(request, uuid4(), now=NOW)


def test_only_hosts_of_this_fleet_are_believed(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority.load_or_create(tmp_path / "stranger", FLEET)
    same_key_other_fleet = Authority.load_or_create(tmp_path / "ca", UUID(int=2))
    server = x509.load_pem_x509_certificate(authority.sign_server(new_key().public_key(), now=NOW))
    itself = x509.load_pem_x509_certificate(authority.certificate_pem)
    for certificate in (
        issue(stranger, uuid4()),
        issue(same_key_other_fleet, uuid4()),
        server,
        itself,
    ):
        with pytest.raises(UnauthenticatedError):
            authority.read_host(certificate)
    with pytest.raises(UnauthenticatedError):
        authority.identify({})


def test_a_restart_finds_the_same_authority(authority: Authority, tmp_path: Path) -> None:
    again = Authority.load_or_create(tmp_path / "ca", FLEET)
    assert again.certificate_pem == authority.certificate_pem
    assert again.read_host(issue(authority, uuid4()))


def test_a_crash_between_key_and_certificate_is_made_good(
    authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "ca" / "cert.pem").unlink()
    assert Authority.load_or_create(tmp_path / "ca", FLEET).read_host(issue(authority, uuid4()))


def test_files_of_the_authority_are_private(authority: Authority, tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.name for file in folder.iterdir()} == {"key.pem", "cert.pem"}
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in folder.iterdir())


def test_damaged_files_are_named_with_the_way_out(authority: Authority, tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    Authority.load_or_create(tmp_path / "other", FLEET)
    kept = (folder / "key.pem").read_bytes()
    for content in (b"", b"nonsense", (tmp_path / "other" / "key.pem").read_bytes()):
        (folder / "key.pem").write_bytes(content)
        with pytest.raises(IdentityStoreError, match=r"key\.pem.*backup"):
            Authority.load_or_create(folder, FLEET)
    (folder / "key.pem").unlink()
    with pytest.raises(IdentityStoreError, match="is missing"):
        Authority.load_or_create(folder, FLEET)
    (folder / "key.pem").write_bytes(kept)
    certificate = (folder / "cert.pem").read_bytes()
    (folder / "cert.pem").write_bytes(certificate[:100])
    with pytest.raises(IdentityStoreError, match=r"cert\.pem.*backup"):
        Authority.load_or_create(folder, FLEET)
    (folder / "cert.pem").write_bytes(certificate)
    assert Authority.load_or_create(folder, FLEET)


def test_a_join_token_says_where_to_go_as_whom_and_whom_to_trust(authority: Authority) -> None:
    settings = Settings(
        advertise_address="2001:db8::1",
        southbound_address="[::]:9443",
        enrolment_address="0.0.0.0:9442",
    )
    token = authority.join_token(settings, host="h1", secret="s3cret")
    prefix, _, encoded = token.rpartition(".")
    fields = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    ca = x509.load_der_x509_certificate(base64.b64decode(fields.pop("ca")))
    assert prefix == "ovsfleet-join-v1"
    assert "=" not in token
    assert ca == x509.load_pem_x509_certificate(authority.certificate_pem)
    assert fields == {
        "endpoint": "[2001:db8::1]:9442",
        "southbound": "[2001:db8::1]:9443",
        "host": "h1",
        "secret": "s3cret",
    }
