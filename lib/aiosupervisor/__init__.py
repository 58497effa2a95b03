"""Restart policies of tasks: their `words`, what decides (`policy`), and `limits` of runs."""
