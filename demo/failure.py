"""What ends the demonstration early."""


class DemoError(Exception):
    """A piece of the demonstration does not work; the message says which one, and why."""
