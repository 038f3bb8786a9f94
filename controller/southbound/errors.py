"""The one table from domain errors to gRPC status codes."""

from __future__ import annotations

import grpc

from controller.domain.errors import (
    ConflictError,
    DomainError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)

_CODES: dict[type[DomainError], grpc.StatusCode] = {
    ConflictError: grpc.StatusCode.FAILED_PRECONDITION,
    ForbiddenError: grpc.StatusCode.PERMISSION_DENIED,
    InvalidError: grpc.StatusCode.INVALID_ARGUMENT,
    NotFoundError: grpc.StatusCode.NOT_FOUND,
    UnauthenticatedError: grpc.StatusCode.UNAUTHENTICATED,
    UnavailableError: grpc.StatusCode.UNAVAILABLE,
}


def status_code(error: DomainError) -> grpc.StatusCode:
    return _CODES.get(type(error), grpc.StatusCode.INTERNAL)
