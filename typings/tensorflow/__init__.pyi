"""TensorFlow without its types: only what is inherited from is declared."""

from typing import Any

class Module:
    def __init__(self, name: str | None = None) -> None: ...

def __getattr__(name: str) -> Any: ...
