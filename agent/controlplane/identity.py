"""Who this host is: its key, its certificate, and how it gets and keeps them.

Owns ``<state_dir>/identity/``: key.pem (made once, never leaves the host), cert.pem, ca.pem and
identity.json, which is written last and so marks a complete identity. Each file is replaced
atomically and readable by its owner alone. The only trust anchor is the CA certificate that
travelled in the join token.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc
import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from ovsfleet.v1 import agent_pb2, agent_pb2_grpc, enrolment_pb2, enrolment_pb2_grpc

from agent.backoff import Backoff
from agent.disk import replace_file

log = structlog.get_logger(__name__)

TOKEN_PREFIX = "ovsfleet-join-v1."  # noqa: S105 - the public prefix, not a secret
SERVER_NAME = "ovsfleet-controller"
CALL_TIMEOUT_S = 10.0
ENROL_PATIENCE_S = 60.0
_FINAL = {
    grpc.StatusCode.UNAUTHENTICATED: (
        "the join token is unknown, expired or was used with another key; make a new one with "
        "`ovsfleet` or POST /v1/hosts/{host}/join-tokens"
    ),
    grpc.StatusCode.PERMISSION_DENIED: (
        "the join token does not allow this host; make a new one for it"
    ),
    grpc.StatusCode.NOT_FOUND: (
        "the host of this join token is not registered any more; create the host and a new token"
    ),
    grpc.StatusCode.INVALID_ARGUMENT: (
        "the controller refused the certificate request; are agent and controller of one version?"
    ),
}


class IdentityError(Exception):
    """Enrolment or identity trouble; the message says what to do."""


@dataclass(frozen=True, slots=True)
class JoinToken:
    """What an operator hands to a host: where to enrol, as whom, and whom to trust."""

    endpoint: str
    southbound: str
    host: str
    secret: str
    ca_pem: bytes

    @classmethod
    def parse(cls, text: str) -> JoinToken:
        text = text.strip()
        if not text.startswith(TOKEN_PREFIX):
            raise IdentityError(f"this is not a join token: it must start with {TOKEN_PREFIX!r}")
        encoded = text.removeprefix(TOKEN_PREFIX)
        try:
            fields = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
            ca = x509.load_der_x509_certificate(base64.b64decode(fields["ca"], validate=True))
            return cls(
                endpoint=str(fields["endpoint"]),
                southbound=str(fields["southbound"]),
                host=str(fields["host"]),
                secret=str(fields["secret"]),
                ca_pem=ca.public_bytes(serialization.Encoding.PEM),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise IdentityError(
                "the join token is damaged or cut short; copy it again as a whole"
            ) from error


@dataclass(frozen=True, slots=True)
class Profile:
    """The part of an identity that is no secret (identity.json)."""

    fleet_uid: str
    host_uid: str
    host_name: str
    southbound: str


@dataclass(frozen=True, slots=True)
class Identity:
    """A complete identity, as it is used to open a session."""

    profile: Profile
    key_pem: bytes
    certificate_pem: bytes
    ca_pem: bytes

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate_pem)

    def channel_credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(self.ca_pem, self.key_pem, self.certificate_pem)


class IdentityStore:
    """The files of one identity."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def load(self) -> Identity | None:
        """The identity on disk, or None before enrolment finished."""
        try:
            fields = json.loads((self.directory / "identity.json").read_text())
            return Identity(
                profile=Profile(**fields),
                key_pem=(self.directory / "key.pem").read_bytes(),
                certificate_pem=(self.directory / "cert.pem").read_bytes(),
                ca_pem=(self.directory / "ca.pem").read_bytes(),
            )
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise IdentityError(
                f"{self.directory} is damaged ({error}); empty it and enrol again"
            ) from error

    def key(self) -> ec.EllipticCurvePrivateKey:
        """The host's key; made at first use and kept, so that a lost reply can be asked again."""
        path = self.directory / "key.pem"
        if path.exists():
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise IdentityError(
                    f"{path} holds no elliptic-curve key; remove it and enrol again"
                )
            return key
        key = ec.generate_private_key(ec.SECP256R1())
        self._write(
            "key.pem",
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
        return key

    def save(self, profile: Profile, certificate_pem: bytes, ca_pem: bytes) -> None:
        self._write("ca.pem", ca_pem)
        self._write("cert.pem", certificate_pem)
        self._write("identity.json", json.dumps(asdict(profile), indent=2).encode() + b"\n")

    def save_certificate(self, certificate_pem: bytes) -> None:
        self._write("cert.pem", certificate_pem)

    def _write(self, name: str, content: bytes) -> None:
        replace_file(self.directory / name, content)


async def enrol(
    store: IdentityStore,
    token: JoinToken,
    *,
    rng: random.Random,
    patience_s: float = ENROL_PATIENCE_S,
) -> Identity:
    """Turn a join token into an identity; ask again while the answer does not come."""
    _refuse_other_host(store, token)
    key = store.key()
    request = enrolment_pb2.EnrolRequest(
        token_secret=token.secret,
        host_name=token.host,
        certificate_request=_signing_request(key),
    )
    try:
        async with asyncio.timeout(patience_s):
            response = await _enrol_persistently(token, request, rng)
    except TimeoutError as error:
        raise IdentityError(
            f"the controller at {token.endpoint} did not answer for {patience_s:.0f} s; is it "
            "running, and can this host reach it? The join token is still good: enrol again"
        ) from error
    certificate_pem = _checked(response.certificate, key, token.ca_pem)
    profile = Profile(response.fleet_uid, response.host_uid, token.host, token.southbound)
    store.save(profile, certificate_pem, token.ca_pem)
    identity = store.load()
    assert identity is not None  # noqa: S101 - it was saved on the line above
    return identity


async def renew(store: IdentityStore, identity: Identity, channel: grpc.aio.Channel) -> Identity:
    """Fetch a fresh certificate for the same key over the session's own channel."""
    key = store.key()
    stub = agent_pb2_grpc.AgentServiceStub(channel)
    response = await stub.RenewCertificate(
        agent_pb2.RenewCertificateRequest(certificate_request=_signing_request(key)),
        timeout=CALL_TIMEOUT_S,
    )
    certificate_pem = _checked(response.certificate, key, identity.ca_pem)
    store.save_certificate(certificate_pem)
    return Identity(identity.profile, identity.key_pem, certificate_pem, identity.ca_pem)


def renewal_due(certificate: x509.Certificate, rng: random.Random) -> datetime:
    """Half of the certificate's life, give or take a tenth so that a fleet does not ask at once."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return start + (end - start) * rng.uniform(0.45, 0.55)


def describe_expiry(certificate: x509.Certificate, now: datetime) -> str | None:
    """What to tell a person when the certificate is past its end, else None."""
    end = certificate.not_valid_after_utc
    if now <= end:
        return None
    return (
        f"the certificate of this host expired at {end.astimezone(UTC).isoformat()}; the datapath "
        "is kept as it is. Make a join token for the host and run `ovsfleet-agent enroll` again"
    )


def _refuse_other_host(store: IdentityStore, token: JoinToken) -> None:
    present = store.load()
    if present is not None and present.profile.host_name != token.host:
        raise IdentityError(
            f"this machine is enrolled as host {present.profile.host_name}, the join token is for "
            f"{token.host}; stop the agent and empty {store.directory.parent} to change that"
        )


async def _call_enrol(
    token: JoinToken, request: enrolment_pb2.EnrolRequest
) -> enrolment_pb2.EnrolResponse:
    async with grpc.aio.secure_channel(
        token.endpoint,
        grpc.ssl_channel_credentials(token.ca_pem),
        options=(
            ("grpc.ssl_target_name_override", SERVER_NAME),
            ("grpc.use_local_subchannel_pool", 1),
        ),
    ) as channel:
        stub = enrolment_pb2_grpc.EnrolmentServiceStub(channel)
        return await stub.Enrol(request, timeout=CALL_TIMEOUT_S)


async def _enrol_persistently(
    token: JoinToken, request: enrolment_pb2.EnrolRequest, rng: random.Random
) -> enrolment_pb2.EnrolResponse:
    backoff = Backoff(first=0.2, longest=5.0, rng=rng, floor=0.05)
    while True:
        try:
            return await _call_enrol(token, request)
        except grpc.aio.AioRpcError as error:
            if error.code() in _FINAL:
                raise IdentityError(_FINAL[error.code()] + _detail(error)) from error
            log.warning("enrolment not answered, trying again", detail=error.details())
            await asyncio.sleep(backoff.next_delay())


def _detail(error: grpc.aio.AioRpcError) -> str:
    return f" (the controller says: {error.details()})" if error.details() else ""


def _signing_request(key: ec.EllipticCurvePrivateKey) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _checked(certificate_bytes: bytes, key: ec.EllipticCurvePrivateKey, ca_pem: bytes) -> bytes:
    """The certificate as PEM, once it is known to be for our key and from the fleet's CA."""
    ca = x509.load_pem_x509_certificate(ca_pem)
    try:
        certificate = _parse_certificate(certificate_bytes)
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise IdentityError(
            "the controller answered with a certificate that the fleet's CA did not issue; "
            "make a new join token and enrol again"
        ) from error
    if certificate.public_key() != key.public_key():
        raise IdentityError("the controller answered with a certificate for another key")
    return certificate.public_bytes(serialization.Encoding.PEM)


def _parse_certificate(content: bytes) -> x509.Certificate:
    """RenewCertificateResponse does not fix the encoding, so both are read."""
    if content.startswith(b"-----"):
        return x509.load_pem_x509_certificate(content)
    return x509.load_der_x509_certificate(content)
