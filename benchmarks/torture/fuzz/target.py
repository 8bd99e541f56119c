"""What is fed with damaged input, and what it may answer."""

import random
from typing import Protocol

Allowed = tuple[type[Exception], ...]


class Target(Protocol):
    """A part of the project that reads what others wrote."""

    allowed: Allowed
    """What it may raise: the project's own, with a message for whoever reads it."""

    def feed(self, number: int, rng: random.Random) -> None:
        """Take input ``number``, made by ``rng`` alone; raise whatever comes of it."""

    def close(self) -> None:
        """Deal with what was kept for the end."""
