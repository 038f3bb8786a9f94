"""Who is who on the southbound side: the fleet's own CA, and what it says in certificates.

Owns ``<data_dir>/ca/``: key.pem and cert.pem, made at the first start. A host is known by the URI
SAN of its certificate and by nothing that it says; names in a certificate request are ignored. Must
not decide whether a certificate is still wanted: the store knows what was revoked.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controller.config import Settings, split_address
from controller.domain.errors import InvalidError, UnauthenticatedError

SERVER_NAME = "ovsfleet-controller"
TOKEN_PREFIX = "ovsfleet-join-v1."  # noqa: S105 - says what the string is, and is no secret
HOST_LIFETIME = timedelta(hours=24)
SERVER_LIFETIME = timedelta(days=30)
_CA_LIFETIME = timedelta(days=3650)
_BACKDATED = timedelta(minutes=5)
"""Clocks of hosts may be behind the controller's by this much."""
_LARGEST_REQUEST = 16 * 1024


class IdentityStoreError(Exception):
    """The CA's files cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    pem: bytes
    serial: str
    not_after: datetime


@dataclass(frozen=True, slots=True)
class HostIdentity:
    """The host that a verified certificate speaks for."""

    host_uid: UUID
    serial: str
    not_after: datetime

    def expired(self, now: datetime) -> bool:
        return now >= self.not_after


class Authority:
    """The fleet's certificate authority. Immutable after loading, so safe on any thread."""

    def __init__(
        self, fleet_uid: UUID, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
    ) -> None:
        self._fleet_uid = fleet_uid
        self._key = key
        self._certificate = certificate

    @classmethod
    def load_or_create(cls, directory: Path, fleet_uid: UUID) -> Authority:
        """Load the CA, or make it when the folder has none."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        key_file, certificate_file = directory / "key.pem", directory / "cert.pem"
        if not key_file.exists() and certificate_file.exists():
            raise IdentityStoreError(
                f"{key_file} is missing beside {certificate_file}: restore it from a backup, or"
                " remove the certificate too and enrol every host anew"
            )
        if not key_file.exists():
            _write(key_file, _key_pem(ec.generate_private_key(ec.SECP256R1())))
        key = _load_key(key_file)
        if not certificate_file.exists():
            _write(certificate_file, _certificate_pem(_sign_root(fleet_uid, key)))
        certificate = _load_certificate(certificate_file)
        if certificate.public_key() != key.public_key():
            raise IdentityStoreError(
                f"{key_file} and {certificate_file} do not belong together: restore both from one"
                " backup"
            )
        return cls(fleet_uid, key, certificate)

    @property
    def certificate_pem(self) -> bytes:
        return _certificate_pem(self._certificate)

    def sign_host(self, request_der: bytes, host_uid: UUID, *, now: datetime) -> IssuedCertificate:
        """Issue a client certificate for the key of a PKCS #10 request; InvalidError if it is none.

        Only the public key is taken from the request.
        """
        name = x509.UniformResourceIdentifier(f"{self._trust_domain}{host_uid}")
        certificate = self._sign(
            load_request(request_der),
            str(host_uid),
            name,
            ExtendedKeyUsageOID.CLIENT_AUTH,
            now=now,
            lifetime=HOST_LIFETIME,
        )
        return IssuedCertificate(
            pem=_certificate_pem(certificate),
            serial=_serial(certificate),
            not_after=certificate.not_valid_after_utc,
        )

    def identify(self, auth_context: Mapping[str, Iterable[bytes]]) -> HostIdentity:
        """Read who speaks from a connection whose certificate the TLS layer has verified."""
        pem = next(iter(auth_context.get("x509_pem_cert", ())), None)
        if pem is None:
            raise UnauthenticatedError("no client certificate: enrol this host with a join token")
        return self.read_host(x509.load_pem_x509_certificate(pem))

    def read_host(self, certificate: x509.Certificate) -> HostIdentity:
        """Read a host's certificate, refusing everything that this CA did not issue for a host."""
        try:
            certificate.verify_directly_issued_by(self._certificate)
            usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            names = certificate.extensions.get_extension_for_class(
                x509.SubjectAlternativeName
            ).value
            (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
            host_uid = UUID(uri.removeprefix(self._trust_domain))
        except (x509.ExtensionNotFound, InvalidSignature, ValueError, TypeError) as error:
            raise UnauthenticatedError(
                "the client certificate is not one of this fleet's hosts: enrol this host"
            ) from error
        if ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
            raise UnauthenticatedError("the certificate is not meant for a client")
        if uri != f"{self._trust_domain}{host_uid}":
            raise UnauthenticatedError("the certificate belongs to another fleet")
        return HostIdentity(host_uid, _serial(certificate), certificate.not_valid_after_utc)

    def server_configuration(self, *, now: datetime) -> grpc.ServerCertificateConfiguration:
        """Issue a fresh server certificate, with this CA as the only one that clients may have."""
        key = ec.generate_private_key(ec.SECP256R1())
        pair = (_key_pem(key), self.sign_server(key.public_key(), now=now))
        return grpc.ssl_server_certificate_configuration([pair], self.certificate_pem)

    def sign_server(self, key: ec.EllipticCurvePublicKey, *, now: datetime) -> bytes:
        certificate = self._sign(
            key,
            SERVER_NAME,
            x509.DNSName(SERVER_NAME),
            ExtendedKeyUsageOID.SERVER_AUTH,
            now=now,
            lifetime=SERVER_LIFETIME,
        )
        return _certificate_pem(certificate)

    def join_token(self, settings: Settings, *, host: str, secret: str) -> str:
        """Wrap a join secret with where to go and whom to trust, for a person to carry over."""
        fields = {
            "endpoint": _advertised(settings, settings.enrolment_address),
            "southbound": _advertised(settings, settings.southbound_address),
            "host": host,
            "secret": secret,
            "ca": base64.b64encode(
                self._certificate.public_bytes(serialization.Encoding.DER)
            ).decode(),
        }
        encoded = base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode())
        return TOKEN_PREFIX + encoded.decode().rstrip("=")

    @property
    def _trust_domain(self) -> str:
        return f"spiffe://{self._fleet_uid}/host/"

    def _sign(
        self,
        key: ec.EllipticCurvePublicKey,
        common_name: str,
        name: x509.GeneralName,
        usage: x509.ObjectIdentifier,
        *,
        now: datetime,
        lifetime: timedelta,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(common_name))
            .issuer_name(self._certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACKDATED)
            .not_valid_after(now + lifetime)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(_authority_identifier(self._key.public_key()), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256())


def load_request(der: bytes) -> ec.EllipticCurvePublicKey:
    """Return the P-256 key of a PKCS #10 request that proves to hold it; else InvalidError."""
    if len(der) > _LARGEST_REQUEST:
        raise InvalidError(f"a certificate request of {len(der)} bytes is too large")
    try:
        request = x509.load_der_x509_csr(der)
        key = request.public_key()
        valid = request.is_signature_valid
    except (ValueError, TypeError, InvalidSignature) as error:
        raise InvalidError(f"the certificate request cannot be read: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidError("the certificate request is not over a P-256 key")
    if not valid:
        raise InvalidError("the certificate request is not signed by its own key")
    return key


def fingerprint(key: ec.EllipticCurvePublicKey) -> str:
    """Return the SHA-256 of a public key's SubjectPublicKeyInfo, in hex."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(
        key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return digest.finalize().hex()


def _sign_root(fleet_uid: UUID, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    now = datetime.now(UTC)
    name = _name(f"ovsfleet CA {fleet_uid}")
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _authority_identifier(key: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _serial(certificate: x509.Certificate) -> str:
    return f"{certificate.serial_number:x}"


def _advertised(settings: Settings, address: str) -> str:
    host, port = settings.advertise_address, split_address(address)[1]
    return f"[{host}]:{port}" if _is_ipv6(host) else f"{host}:{port}"


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def _load_key(file: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except ValueError as error:
        raise IdentityStoreError(f"{file} cannot be read: restore it from a backup") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise IdentityStoreError(f"{file} is not an elliptic-curve key: restore it from a backup")
    return key


def _load_certificate(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except ValueError as error:
        raise IdentityStoreError(f"{file} cannot be read: restore it from a backup") from error


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(file: Path, content: bytes) -> None:
    """Write a private file whole or not at all, even when the machine stops in between."""
    draft = file.with_suffix(".new")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
