"""edge-agent learns how a machine sounds when it is healthy and says when that changes."""

__version__ = "0.1.0"
