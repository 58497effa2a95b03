"""Restart policies of tasks (`aiosupervisor.policy`)."""
