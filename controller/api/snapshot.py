"""``python -m controller.api.snapshot`` rewrites the committed OpenAPI document.

The dashboard's types are generated from it, and a test holds it against the application.
"""

from __future__ import annotations

import json
from pathlib import Path

from controller.api.app import create_app
from controller.api.context import AppContext
from controller.store.engine import Database

SNAPSHOT = Path(__file__).parent / "openapi.json"


def render() -> str:
    """Needs no database: nothing connects before the first request."""
    db = Database("postgresql://unused.invalid/unused")
    context = AppContext(
        db=db,
        stats_db=db,
        join_token=lambda *, host, secret: f"{host}{secret}",
        migrated=lambda: False,
    )
    document = create_app(context).openapi()
    # The version of the distribution changes without the interface changing.
    document["info"]["version"] = "v1"
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    SNAPSHOT.write_text(render(), encoding="utf-8")
