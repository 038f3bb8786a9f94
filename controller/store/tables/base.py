"""What all tables share: naming of constraints, and which column type a Python type gets."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ARRAY, BigInteger, DateTime, Enum, LargeBinary, MetaData, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

from controller.domain.events import EventType, Severity
from controller.domain.intent import (
    AddressFamily,
    Backend,
    BridgeType,
    DatapathType,
    Kind,
    Lifecycle,
    PortType,
)
from controller.domain.safety import ConfirmPolicy, DriftAction, DriftPolicy

_E = TypeVar("_E", bound=enum.StrEnum)


def _words(enumeration: type[_E]) -> Enum:
    return Enum(
        enumeration,
        native_enum=False,
        create_constraint=False,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy declares it without ClassVar)
        str: Text(),
        int: BigInteger(),
        bytes: LargeBinary(),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(),
        dict[str, str]: JSONB(),
        list[str]: ARRAY(Text()),
        Kind: _words(Kind),
        DatapathType: _words(DatapathType),
        BridgeType: _words(BridgeType),
        Lifecycle: _words(Lifecycle),
        PortType: _words(PortType),
        AddressFamily: _words(AddressFamily),
        Backend: _words(Backend),
        DriftPolicy: _words(DriftPolicy),
        ConfirmPolicy: _words(ConfirmPolicy),
        DriftAction: _words(DriftAction),
        EventType: _words(EventType),
        Severity: _words(Severity),
    }
