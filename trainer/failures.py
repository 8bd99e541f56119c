"""How a command ends when something is wrong: a message and an exit code, never a traceback."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from edge_agent.bundle import BundleError
from edge_agent.calibration.series import DataError
from edge_agent.pipeline.runtime import RuntimeMissingError
from edge_agent.plugin import FeatureError, PluginError
from edge_agent.recordings import ExtraMissingError, RecordingError
from trainer.recipe import RecipeError

_BAD_DATA = (RecordingError, DataError, FeatureError, BundleError)


class Failure(Exception):  # noqa: N818 - it ends the command, it is not raised at anybody
    """Ends the command with a message and an exit code of sysexits.h."""

    def __init__(self, message: str, exit_code: int) -> None:
        """Carry both."""
        super().__init__(message)
        self.exit_code = exit_code


@contextmanager
def failures(*more: type[Exception]) -> Iterator[None]:
    """Turn what a use case raises into a Failure; ``more`` are further kinds of bad data."""
    bad_data: tuple[type[Exception], ...] = (*_BAD_DATA, *more)
    try:
        yield
    except RecipeError as error:
        raise Failure(str(error), os.EX_USAGE) from error
    except (PluginError, RuntimeMissingError, ExtraMissingError) as error:
        raise Failure(str(error), os.EX_UNAVAILABLE) from error
    except bad_data as error:
        raise Failure(str(error), os.EX_DATAERR) from error
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        raise Failure(f"{where}{error.strerror or error}", os.EX_UNAVAILABLE) from error
