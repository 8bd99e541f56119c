"""Generated from the file format's schema; without its types."""

from typing import Any

def __getattr__(name: str) -> Any: ...
