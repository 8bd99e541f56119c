"""A plant of many machines for a year in time-lapse: what the agent tells of it, and what not."""
