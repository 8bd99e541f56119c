"""Attributes of a device: read, set, and put back as they were."""

import errno
from contextlib import suppress
from pathlib import Path

from edge_agent.plugin import SensorError

_HINTS = {
    errno.EACCES: "; the agent's user needs the right to write there",
    errno.EBUSY: "; another program samples this device",
    errno.EINVAL: "; the driver refuses this value",
}


def read(path: Path) -> str:
    """Return the content of ``path`` without its line end.

    Raises:
        SensorError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SensorError(f"{path}: cannot be read: {_reason(error)}") from error


def read_number(path: Path) -> float:
    """Return the number in ``path``.

    Raises:
        SensorError: it cannot be read or holds no number.
    """
    text = read(path)
    try:
        return float(text)
    except ValueError:
        raise SensorError(f"{path}: found {text!r}, want a number") from None


class Settings:
    """Attributes that were set, with what they held before."""

    def __init__(self) -> None:
        """Begin with nothing changed."""
        self._before: list[tuple[Path, str]] = []

    def set(self, path: Path, value: str) -> None:
        """Write ``value`` unless the attribute holds it, and remember what it held.

        Raises:
            SensorError: the attribute cannot be read or refuses the value.
        """
        before = read(path)
        if before == value:
            return
        self._before.append((path, before))
        self.write(path, value)

    @staticmethod
    def write(path: Path, value: str) -> None:
        """Write ``value`` without remembering anything.

        Raises:
            SensorError: the attribute refuses the value.
        """
        try:
            path.write_text(value + "\n", encoding="utf-8")
        except OSError as error:
            raise SensorError(f"{path}: cannot be set to {value!r}: {_reason(error)}") from error

    def stop(self, enable: Path) -> None:
        """Write 0 to ``enable``; where it is gone with the device nothing is left to stop."""
        self._put(enable, "0")

    def restore(self) -> None:
        """Put everything back, last first; what is gone with the device stays gone."""
        while self._before:
            self._put(*self._before.pop())

    @staticmethod
    def _put(path: Path, value: str) -> None:
        with suppress(OSError):
            if path.exists():
                path.write_text(value + "\n", encoding="utf-8")


def _reason(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "no text"
    return f"{error.strerror or error}{_HINTS.get(error.errno or 0, '')}"
