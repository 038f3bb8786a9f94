"""The settings of rows, between ``ovsfleet.v1`` messages and ``agent.columns``.

A part of the codec: pure, and like the rest of it without an opinion on what it carries.
"""

from __future__ import annotations

from ovsfleet.v1 import state_pb2

from agent.columns import NO_SETTINGS, Atom, Settings


def decode_settings(message: state_pb2.Settings) -> Settings:
    if not message.columns and not message.maps:
        return NO_SETTINGS
    return Settings(
        columns={
            name: tuple(_decode_atom(atom) for atom in atoms.atoms)
            for name, atoms in message.columns.items()
        },
        maps={name: dict(keys.keys) for name, keys in message.maps.items()},
    )


def encode_settings(settings: Settings) -> state_pb2.Settings | None:
    """None for none, as if the field were not known."""
    if not settings.columns and not settings.maps:
        return None
    return state_pb2.Settings(
        columns={
            name: state_pb2.Atoms(atoms=[_encode_atom(atom) for atom in atoms])
            for name, atoms in settings.columns.items()
        },
        maps={name: state_pb2.Keys(keys=keys) for name, keys in settings.maps.items()},
    )


def _decode_atom(message: state_pb2.Atom) -> Atom:
    """A kind of a later version reads as an empty string, which its column refuses."""
    match message.WhichOneof("kind"):
        case "integer":
            return message.integer
        case "boolean":
            return message.boolean
    return message.text


def _encode_atom(atom: Atom) -> state_pb2.Atom:
    match atom:
        case bool():
            return state_pb2.Atom(boolean=atom)
        case int():
            return state_pb2.Atom(integer=atom)
    return state_pb2.Atom(text=atom)
