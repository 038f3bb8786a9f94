"""``filter=``: a subset of AIP-160, with AND, OR, NOT and parentheses. Pure.

AND and OR must not stand side by side without parentheses: AIP-160 binds OR first, most languages
AND, and a filter must not mean something else than its reader thinks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from controller.domain.errors import InvalidError, Violation
from controller.domain.filtering import (
    Comparison,
    Every,
    Filter,
    Found,
    Negation,
    Operator,
    Some,
    Value,
    holds,
    spec_value,
)
from controller.domain.intent import Kind, PortSpec
from controller.domain.status import Phase
from controller.services.queries import View

_DEEPEST = 16
_LONGEST_NUMBER = 18

_LABELS = "metadata.labels."
_METADATA = {
    "metadata.name": str,
    "metadata.project": str,
    "metadata.revision": int,
    "metadata.created_at": datetime,
    "metadata.updated_at": datetime,
}
_PHASE = "status.phase"
_STATUS = {_PHASE: str, "status.observed_revision": int}
_SPECS: Mapping[Kind, Mapping[str, type]] = {
    Kind.HOST: {
        "vteps": tuple,
        "underlay_mtu": int,
        "datapath_type": str,
        "overlay_bridge": str,
        "overlay_bridge_type": str,
        "zones": tuple,
        "vtep_pool": str,
        "management_interface": str,
        "confirm": str,
        "state": str,
    },
    Kind.BRIDGE: {
        "host": str,
        "host_group": str,
        "interface": str,
        "type": str,
        "datapath_type": str,
        "fail_mode": str,
        "stp.enabled": bool,
        "rstp.enabled": bool,
        "mcast_snooping.enabled": bool,
        "linux.vlan_filtering": bool,
        "drift_policy": str,
    },
    Kind.SEGMENT: {
        "vni": int,
        "mtu": int,
        "dst_port": int,
        "address_family": str,
        "backend": str,
        "zone": str,
        "vni_pool": str,
        "tunnel_profile": str,
        "topology": str,
        "hubs": tuple,
        "arp_mode": str,
        "external_vteps": tuple,
        "subnets": tuple,
        "drift_policy": str,
    },
    Kind.PORT: {
        "host": str,
        "interface": str,
        "type": str,
        "segment": str,
        "bridge": str,
        "tag": int,
        "mac": str,
        "mtu": int,
        "addresses": tuple,
        "qos_policy": str,
        "admin_state": str,
        "vlan_mode": str,
        "trunks": tuple,
        "protected": bool,
        "bond.mode": str,
        "bond.lacp": str,
        "bond.members": tuple,
        "patch.bridge": str,
        "iface_id": str,
        "migrating_to": str,
        "drift_policy": str,
    },
    Kind.TUNNEL: {"key": int, "dst_port": int, "address_family": str, "drift_policy": str},
    Kind.MIRROR: {"host": str, "bridge": str, "drift_policy": str},
    Kind.FLOW_EXPORT: {"protocol": str, "host_group": str, "drift_policy": str},
}
_OPERATORS: Mapping[type, frozenset[Operator]] = {
    bool: frozenset({Operator.EQUAL, Operator.DIFFERS}),
    str: frozenset({Operator.EQUAL, Operator.DIFFERS, Operator.HAS}),
    tuple: frozenset({Operator.HAS}),
    int: frozenset(Operator) - {Operator.HAS},
    datetime: frozenset(Operator) - {Operator.HAS},
}

_TOKEN = re.compile(
    r"""\s*(?:(?P<punctuation>!=|<=|>=|[=<>:()])"""
    r"""|"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'"""
    r"""|(?P<word>[^\s"'()=<>!:]+))"""
)


def fields_of(kind: Kind) -> Mapping[str, type]:
    """Paths that a filter of this kind may name, besides labels."""
    return _METADATA | {f"spec.{name}": of for name, of in _SPECS.get(kind, {}).items()} | _STATUS


def value_in(view: View, field: str) -> Found:
    """What an object has in a field of ``fields_of`` or in a label."""
    if field.startswith(_LABELS):
        return view.object.labels.get(field.removeprefix(_LABELS))
    if field == "spec.host" and isinstance(view.object.spec, PortSpec):
        hosts = view.object.spec.hosts
        return hosts if len(hosts) > 1 else next(iter(hosts), None)
    section, *path = field.split(".")
    if section == "spec":
        return spec_value(view.object.spec, path)
    found: Found = getattr(view.object if section == "metadata" else view.status, *path)
    return found


def parse_filter(kind: Kind, text: str) -> Filter | None:
    """None for no filter; InvalidError, with the place, for what is not one."""
    if not text.strip():
        return None
    if not text.isprintable():
        _refuse(text, 0, "it has a character that cannot be printed")
    parser = _Parser(kind, text, _tokens(text))
    found = parser.expression(0)
    if (token := parser.peek()) is not None:
        _refuse(text, token.position, f"{token.text!r} does not belong there")
    return found


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    position: int
    is_quoted: bool = False

    def says(self, *words: str) -> bool:
        return not self.is_quoted and self.text in words


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while text[position:].strip():
        found = _TOKEN.match(text, position)
        if found is None:
            _refuse(text, position, "it cannot be read from there on")
        name = str(found.lastgroup)
        word, is_quoted = found[name], name in {"double", "single"}
        word = re.sub(r"\\(.)", r"\1", word) if is_quoted else word
        tokens.append(_Token(word, found.end() - len(found[0].lstrip()), is_quoted))
        position = found.end()
    return tokens


@dataclass(slots=True)
class _Parser:
    kind: Kind
    text: str
    tokens: list[_Token]
    next: int = 0

    def peek(self) -> _Token | None:
        return self.tokens[self.next] if self.next < len(self.tokens) else None

    def take(self) -> _Token:
        token = self.peek()
        if token is None:
            _refuse(self.text, len(self.text), "something is missing at its end")
        self.next += 1
        return token

    def expression(self, depth: int) -> Filter:
        parts = [self.term(depth)]
        joint = self.peek()
        while (token := self.peek()) is not None and token.says("AND", "OR"):
            if joint is not None and token.text != joint.text:
                _refuse(self.text, token.position, "AND and OR stand side by side")
            self.take()
            parts.append(self.term(depth))
        if len(parts) == 1:
            return parts[0]
        return Every(tuple(parts)) if joint and joint.text == "AND" else Some(tuple(parts))

    def term(self, depth: int) -> Filter:
        token = self.take()
        if depth > _DEEPEST:
            _refuse(self.text, token.position, f"it is nested more than {_DEEPEST} deep")
        if token.says("NOT"):
            return Negation(self.term(depth + 1))
        if not token.says("("):
            return self.comparison(token)
        inner = self.expression(depth + 1)
        end = self.take()
        if not end.says(")"):
            _refuse(self.text, end.position, "a parenthesis is not closed")
        return inner

    def comparison(self, field: _Token) -> Comparison:
        of = str if _is_label(field) else fields_of(self.kind).get(field.text)
        if of is None or field.is_quoted:
            self._refuse_field(field)
        sign = self.take()
        if sign.is_quoted or sign.text not in set(Operator):
            _refuse(self.text, sign.position, f"{sign.text!r} is no comparison")
        operator = Operator(sign.text)
        if operator not in _OPERATORS[of]:
            possible = ", ".join(each for each in Operator if each in _OPERATORS[of])
            why = f"{field.text} is compared with {possible}, and not with {sign.text}"
            _refuse(self.text, sign.position, why)
        return Comparison(field.text, operator, self._value(field.text, of, operator))

    def _value(self, field: str, of: type, operator: Operator) -> Value:
        token = self.take()
        if field == _PHASE and not _is_phase(token.text, operator):
            why = f"{token.text!r} is no phase"
            _refuse(self.text, token.position, why, f"ask for {', '.join(Phase)}")
        if token.says("null") and operator in {Operator.EQUAL, Operator.DIFFERS}:
            return None
        if of is bool:
            if token.text not in _TRUTHS:
                _refuse(self.text, token.position, f"{token.text!r} is neither true nor false")
            return _TRUTHS[token.text]
        if of is int:
            if not re.fullmatch(rf"\d{{1,{_LONGEST_NUMBER}}}", token.text):
                _refuse(self.text, token.position, f"{token.text!r} is no number")
            return int(token.text)
        return self._time(token) if of is datetime else token.text

    def _time(self, token: _Token) -> datetime:
        try:
            moment = datetime.fromisoformat(token.text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            _refuse(self.text, token.position, f"{token.text!r} is no time like {_A_TIME}")
        return moment

    def _refuse_field(self, field: _Token) -> NoReturn:
        known = ", ".join(fields_of(self.kind))
        why = f"{field.text!r} is no field of a {self.kind} that can be asked for"
        _refuse(self.text, field.position, why, f"ask for {_LABELS}KEY, {known}")


_TRUTHS = {"true": True, "false": False}
_A_TIME = '"2026-01-31T12:00:00Z"'


def _is_phase(text: str, operator: Operator) -> bool:
    asked = Comparison(_PHASE, Operator.HAS if operator is Operator.HAS else Operator.EQUAL, text)
    return any(holds(asked, lambda _: phase) for phase in Phase)  # noqa: B023 (called at once)


def _is_label(field: _Token) -> bool:
    return field.text.startswith(_LABELS) and len(field.text) > len(_LABELS)


def _refuse(text: str, position: int, why: str, fix: str = "") -> NoReturn:
    detail = f"filter {text!r} is refused at character {position + 1}: {why}"
    example = 'write spec.host = "h1" AND (status.phase != "Ready" OR metadata.name : "web*")'
    raise InvalidError(detail, [Violation("", "filter", detail, fix or example)])
