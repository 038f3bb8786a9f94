"""EnrolmentService: a join token and a certificate request become a host's identity.

Anybody who reaches the port may ask. Owns the count of those who were refused: they are told about
in one line now and then, because a line or a row for each would let a stranger fill the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from ovsfleet.v1 import enrolment_pb2, enrolment_pb2_grpc

from controller.domain.errors import DomainError, UnauthenticatedError
from controller.observability import get_logger
from controller.services import enrolment, queries
from controller.southbound.errors import status_code
from controller.southbound.identity import Authority, fingerprint, load_request
from controller.southbound.threads import Threads
from controller.southbound.timing import Clock

log = get_logger(__name__)

_TELL_EVERY_S = 10.0

Context = grpc.aio.ServicerContext[enrolment_pb2.EnrolRequest, enrolment_pb2.EnrolResponse]


class EnrolmentService(enrolment_pb2_grpc.EnrolmentServiceServicer):
    def __init__(
        self,
        authority: Authority,
        threads: Threads,
        *,
        clock: Clock,
        on_replaced: Callable[[], None],
    ) -> None:
        """``on_replaced`` is called when the certificates of a machine were revoked."""
        self._on_replaced = on_replaced
        self._authority = authority
        self._threads = threads
        self._clock = clock
        self._refused = 0
        self._tell_from = 0.0

    async def Enrol(  # noqa: N802 - the name of the RPC
        self, request: enrolment_pb2.EnrolRequest, context: Context
    ) -> enrolment_pb2.EnrolResponse:
        try:
            return await self._enrol(request)
        except DomainError as error:
            if isinstance(error, UnauthenticatedError):
                self._count_refusal()
            await context.abort(status_code(error), error.detail)

    def _count_refusal(self) -> None:
        self._refused += 1
        now = asyncio.get_running_loop().time()
        if now >= self._tell_from:
            log.warning("Join tokens were refused", times=self._refused)
            self._refused, self._tell_from = 0, now + _TELL_EVERY_S

    async def _enrol(self, request: enrolment_pb2.EnrolRequest) -> enrolment_pb2.EnrolResponse:
        now = self._clock()
        # Read first: a request that cannot be used must not use up the token.
        key = load_request(request.certificate_request)
        redeemed = await self._threads.call(
            enrolment.redeem, request.token_secret, request.host_name, fingerprint(key), now=now
        )
        host_uid = redeemed.host_uid
        if redeemed.replaced:
            log.info("A host's machine was replaced", host=request.host_name)
            self._on_replaced()
        issued = self._authority.sign_host(request.certificate_request, host_uid, now=now)
        await self._threads.call(
            enrolment.record_certificate,
            host_uid,
            issued.serial,
            issued.not_after,
            now=now,
            token=request.token_secret,
        )
        fleet = await self._threads.call(queries.fleet)
        not_after = Timestamp()
        not_after.FromDatetime(issued.not_after)
        return enrolment_pb2.EnrolResponse(
            host_uid=str(host_uid),
            certificate=issued.pem,
            ca_certificate=self._authority.certificate_pem,
            not_after=not_after,
            fleet_uid=str(fleet.uid),
        )
