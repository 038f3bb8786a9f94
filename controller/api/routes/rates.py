"""What passes through a host at present, for pages and tools that show all of it. Owns nothing."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter

from controller.api.dependencies import Caller, Context
from controller.api.errors import declared
from controller.api.schemas.base import Text
from controller.api.schemas.rates import CurrentRateDocument, CurrentRateList
from controller.services.current_rates import current_rates

router = APIRouter(prefix="/v1/hosts/{name_or_uid}", tags=["statistics"])


@router.get(
    "/rates",
    operation_id="list_current_rates",
    response_model=CurrentRateList,
    responses=declared("unauthenticated", "not_found", "invalid", "unavailable"),
)
def list_current_rates(context: Context, caller: Caller, name_or_uid: Text) -> CurrentRateList:
    """Of each port, tunnel and device, from its two newest samples of the last two minutes."""
    found = current_rates(context.stats_db, caller, name_or_uid, now=context.now())
    return CurrentRateList(items=[CurrentRateDocument(**asdict(rate)) for rate in found])
