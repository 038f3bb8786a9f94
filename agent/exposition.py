"""The agent's Prometheus endpoint."""
