"""The examples of the documentation, read as the lab needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from deploy.lab.lab import Lab
from deploy.lab.probes import Endpoint


def example_endpoints(lab: Lab, path: Path) -> list[Endpoint]:
    """The workloads' ends of an example's ports."""
    documents = [doc for doc in YAML(typ="safe").load_all(path.read_text()) if doc]
    ports = [doc for doc in documents if doc["kind"] == "Port"]
    return [_endpoint(lab, doc["metadata"]["name"], doc["spec"]) for doc in ports]


def _endpoint(lab: Lab, name: str, spec: dict[str, Any]) -> Endpoint:
    peer = spec.get("peer")
    return Endpoint(
        name,
        spec["host"],
        peer["netns"] if peer else lab.host(spec["host"]).netns,
        peer["interface"] if peer else spec["interface"],
        spec["addresses"][0].split("/")[0],
        spec["segment"],
    )
