"""The northbound REST API: translates HTTP to services and back, and decides nothing itself."""
