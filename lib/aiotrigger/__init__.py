"""Starts at wall time (`aiotrigger.wall`)."""
