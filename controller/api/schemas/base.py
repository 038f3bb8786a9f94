"""What all shapes share: strictness, and texts that every layer below can carry.

Owns nothing. Must not hold a rule about intent.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError


class Shape(BaseModel):
    """Part of a request: nothing is converted, and no unknown field is dropped in silence."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True
    )


class Answer(BaseModel):
    """Part of an answer: every field is always there."""

    model_config = ConfigDict(
        frozen=True,
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,
    )


# PostgreSQL stores no NUL, and a line break in a name would forge a line of a log.
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _without_control_characters(text: str) -> str:
    if found := _CONTROL_CHARACTER.search(text):
        raise PydanticCustomError(
            "control_character",
            "contains the control character U+{codepoint}",
            {"codepoint": f"{ord(found[0]):04X}"},
        )
    return text


Text = Annotated[
    str, StringConstraints(max_length=253), AfterValidator(_without_control_characters)
]
"""One line of text."""
