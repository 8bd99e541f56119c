"""What the agent costs, measured beside what it replaces: ``python -m benchmarks``."""
