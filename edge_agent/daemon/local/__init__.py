"""What the agent shows on its own machine: a socket for live views, and metrics."""
