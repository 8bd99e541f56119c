"""Feeds a target with numbered inputs; run as a process of its own, which an input may end.

Prints one line of JSON at the end, and notes in a file which input it is at, so that whoever
started it can name the input that ended it and go on after it.
"""

import faulthandler
import mmap
import resource
import signal
import struct
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import msgspec

from benchmarks.torture.fuzz.mutate import chance
from benchmarks.torture.fuzz.target import Target
from benchmarks.torture.fuzz.targets import TARGETS

HANG_S = 10.0
MEMORY_BYTES = 1 << 30  # beyond what the process has when it begins
AT = struct.Struct("<q")
AT_CLOSE = -2  # the inputs are through; what was kept for the end is dealt with

_ROOT = Path(__file__).parents[3]
_FRAMES = 3


class Defect(msgspec.Struct, frozen=True):
    """Something that must not happen.

    Attributes:
        number: of the first input that does it.
        what: happened.
        where: in the project's own files, innermost last.
        inputs: how many do it.
    """

    number: int
    what: str
    where: str
    inputs: int = 1


class Fed(msgspec.Struct):
    """What came of many inputs.

    Attributes:
        taken: accepted as they were.
        refused: with one of the allowed errors.
        defects: by what and where.
    """

    taken: int = 0
    refused: int = 0
    defects: list[Defect] = msgspec.field(default_factory=list)

    def add(self, defect: Defect) -> None:
        """Count a defect that may be known."""
        for position, known in enumerate(self.defects):
            if (known.what, known.where) == (defect.what, defect.where):
                self.defects[position] = msgspec.structs.replace(
                    known, inputs=known.inputs + defect.inputs
                )
                return
        self.defects.append(defect)


class HangError(BaseException):
    """An input takes longer than any may."""


def feed(target: Target, numbers: range, seed: int, at: mmap.mmap) -> Fed:
    """Feed ``target`` with the inputs ``numbers``."""
    fed = Fed()
    for number in numbers:
        AT.pack_into(at, 0, number)
        try:
            with _time_limit():
                target.feed(number, chance(seed, number))
            fed.taken += 1
        except target.allowed as error:
            fed.refused += 1
            if not str(error).strip():
                fed.add(_defect(number, error))
        except (Exception, HangError, SystemExit) as error:  # noqa: BLE001 - that is the question
            fed.add(_defect(number, error))
    AT.pack_into(at, 0, AT_CLOSE)
    try:
        target.close()
    except Exception as error:  # noqa: BLE001 - likewise
        fed.add(_defect(AT_CLOSE, error))
    return fed


@contextmanager
def _time_limit() -> Iterator[None]:
    signal.setitimer(signal.ITIMER_REAL, HANG_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _on_alarm(_number: int, _frame: FrameType | None) -> None:
    raise HangError(f"no answer within {HANG_S:g} s")


def _defect(number: int, error: BaseException) -> Defect:
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        f"{Path(frame.filename).relative_to(_ROOT)}:{frame.lineno}"
        for frame in frames
        if Path(frame.filename).is_relative_to(_ROOT) and ".venv" not in frame.filename
    ]
    return Defect(number, f"{type(error).__name__}: {error}"[:200], " > ".join(own[-_FRAMES:]))


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Read from the command line: target, seed, first number, one past the last, folder."""
    name, seed, first, end, folder = sys.argv[1:]
    faulthandler.enable()
    warnings.simplefilter("error")
    signal.signal(signal.SIGALRM, _on_alarm)
    target = TARGETS[name](Path(folder))
    _limit_memory()
    with (Path(folder) / "at").open("r+b") as file, mmap.mmap(file.fileno(), AT.size) as at:
        fed = feed(target, range(int(first), int(end)), int(seed), at)
    sys.stdout.buffer.write(msgspec.json.encode(fed))


if __name__ == "__main__":
    main()
