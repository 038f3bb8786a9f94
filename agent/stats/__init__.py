"""What this host counts, as reports for the controller: which counters, of whom, and when."""
