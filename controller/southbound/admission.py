"""Who may open a stream: the client certificate says which host speaks, never a message.

Owns nothing. The database is asked each time, because a certificate may have been revoked.
"""

from __future__ import annotations

from typing import Any

import grpc

from controller.domain.errors import ForbiddenError
from controller.services import enrolment
from controller.southbound.identity import Authority, HostIdentity
from controller.southbound.threads import Threads
from controller.southbound.timing import Clock


class Admission:
    def __init__(self, authority: Authority, threads: Threads, clock: Clock) -> None:
        self._authority = authority
        self._threads = threads
        self._clock = clock

    async def admit(self, context: grpc.aio.ServicerContext[Any, Any]) -> HostIdentity:
        """Tell who speaks; DomainError when the certificate is not good (any more)."""
        identity = self._authority.identify(context.auth_context())
        if identity.expired(self._clock()):
            raise ForbiddenError("the certificate expired: enrol this host again")
        why = await self._threads.call(enrolment.refusal, identity.host_uid, identity.serial)
        if why is not None:
            raise ForbiddenError(why)
        return identity
