"""Sensors: each on a thread or in a process of its own, and what becomes of what they deliver."""
