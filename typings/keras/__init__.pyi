"""Keras without its types: only what is inherited from is declared."""

from typing import Any

from keras import callbacks as callbacks
from keras import layers as layers

class Model:
    stop_training: bool
    def __init__(self, *args: Any, **options: Any) -> None: ...
    def __call__(self, *args: Any, **options: Any) -> Any: ...
    def __getattr__(self, name: str) -> Any: ...

def __getattr__(name: str) -> Any: ...
