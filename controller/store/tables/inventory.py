"""Tables of what hosts have that is not the fleet's."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from controller.store.tables.base import Base


class HostInventoryRow(Base):
    """The newest inventory of a host, as a whole."""

    __tablename__ = "host_inventory"

    host_uid: Mapped[UUID] = mapped_column(primary_key=True)
    document: Mapped[dict[str, Any]]
    vlans: Mapped[dict[str, Any]]
    """Tags of foreign ports by bridge, beside the document: giving out VLANs reads no more."""
    received_at: Mapped[datetime]


class HostIfaceRow(Base):
    """A foreign interface that was plugged under an iface-id; one of each name is on a host."""

    __tablename__ = "host_iface"

    host_uid: Mapped[UUID] = mapped_column(primary_key=True)
    interface: Mapped[str] = mapped_column(primary_key=True)
    iface_id: Mapped[str] = mapped_column(index=True)
    bridge: Mapped[str]
    port: Mapped[str]
    attached_mac: Mapped[str]
    vm_id: Mapped[str]
    refusal: Mapped[str | None]
    """Why the port that is bound to it may not be on this host; then it counts as not plugged."""
    refused_revision: Mapped[int | None]
    """The newest revision of intent that it was refused at."""
