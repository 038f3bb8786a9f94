"""Puts the application together: routes, errors, middleware, documentation and the dashboard.

Owns nothing at run time; state lives in the context, the feed and the credentials it hangs up.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI
from pydantic.json_schema import models_json_schema

from controller.api.context import AppContext
from controller.api.credentials import Credentials
from controller.api.dashboard import Dashboard
from controller.api.errors import install_error_handlers
from controller.api.feed import Feed
from controller.api.gathering import Gathering
from controller.api.middleware import RequestScope
from controller.api.routes import (
    attention,
    changes,
    docs,
    drift,
    events,
    export,
    fleet,
    grants,
    health,
    history,
    hosts,
    inventory,
    metrics,
    observed,
    pools,
    rates,
    realization,
    revisions,
    search,
    stats,
    topology,
    tunnels,
    watch,
    webhooks,
    whoami,
)
from controller.api.routes.collections import collection_router
from controller.api.routes.kinds import COLLECTIONS
from controller.api.schemas.answers import AdvancedEvent, ChangeEvent, StatusEvent, SyncedEvent
from controller.api.schemas.differences import DiffRequest
from controller.api.schemas.grants import AdoptRequest, ReleaseRequest, WithdrawRequest
from controller.api.schemas.problem import ConfirmationProblem, Problem
from controller.api.schemas.requests import (
    ApplyRequest,
    DecommissionRequest,
    DeleteRequest,
    JoinTokenRequest,
)
from controller.api.schemas.webhooks import WebhookRequest
from controller.api.waiting import MOST_ASKING, MOST_ASKING_EACH, WaitingRoom

__all__ = ["AppContext", "create_app"]

_DESCRIPTION = """Intent in, status out. Objects have `metadata`, `spec` (what is wanted, written by
callers) and `status` (how it is doing, written by the controller). Every change is one revision of
the fleet; an object's ETag is the revision that changed it last. Every error is a problem document
(RFC 9457) that names all that is wrong."""


def create_app(context: AppContext) -> FastAPI:
    """``app.state.feed.close()`` ends all streams; call it before waiting for open connections."""
    app = FastAPI(
        title="ovsfleet",
        version=version("ovsfleet"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.context = context
    app.state.feed = Feed(context.db)
    app.state.waiting_room = WaitingRoom(app.state.feed)
    app.state.asking_room = WaitingRoom(app.state.feed, MOST_ASKING, MOST_ASKING_EACH)
    app.state.gathering = Gathering()
    app.state.credentials = Credentials(context.db, context.now)
    app.add_middleware(RequestScope)
    install_error_handlers(app)
    _add_routes(app)
    _describe_bodies(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.feed.close()


def _all_routes() -> APIRouter:
    routes = APIRouter()
    for router in (
        *map(collection_router, COLLECTIONS),
        changes.router,
        export.router,
        revisions.router,
        history.router,
        events.router,
        realization.router,
        hosts.router,
        grants.router,
        tunnels.router,
        pools.router,
        inventory.router,
        observed.router,
        drift.router,
        rates.router,
        stats.router,
        whoami.router,
        fleet.router,
        topology.router,
        attention.router,
        search.router,
        watch.router,
        webhooks.router,
        health.router,
        metrics.router,
        docs.router,
    ):
        routes.include_router(router)
    return routes


# Made once: the routes own nothing, and take longer to make than all the rest of an application.
_ROUTES = _all_routes()


def _add_routes(app: FastAPI) -> None:
    app.router.routes.extend(_ROUTES.routes)
    app.mount("/docs/assets", docs.docs_assets())
    # Asked last of all, so that a wrong method on a path of the API is told as such.
    app.router.default = Dashboard(app.state.context.dashboard)


def _describe_bodies(app: FastAPI) -> None:
    """Adds to OpenAPI the shapes that the framework does not see: bodies, events and problems."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        document = original()
        document["components"]["schemas"].update(_extra_schemas())
        return document

    app.openapi = openapi  # type: ignore[method-assign]


@cache
def _extra_schemas() -> dict[str, Any]:
    _, extra = models_json_schema(
        [
            (ApplyRequest, "validation"),
            (DeleteRequest, "validation"),
            (DiffRequest, "validation"),
            (JoinTokenRequest, "validation"),
            (ReleaseRequest, "validation"),
            (WithdrawRequest, "validation"),
            (AdoptRequest, "validation"),
            (DecommissionRequest, "validation"),
            (WebhookRequest, "validation"),
            (Problem, "serialization"),
            (ConfirmationProblem, "serialization"),
            (AdvancedEvent, "serialization"),
            (ChangeEvent, "serialization"),
            (StatusEvent, "serialization"),
            (SyncedEvent, "serialization"),
        ],
        ref_template="#/components/schemas/{model}",
    )
    schemas: dict[str, Any] = extra["$defs"]
    return schemas
