"""What this host counts, as reports for the controller."""
