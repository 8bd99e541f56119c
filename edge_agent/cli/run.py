"""``edge-agent run``."""

import faulthandler
import logging
import os
import sys
from pathlib import Path

from edge_agent.cli import exit_codes
from edge_agent.cli.output import print_error

_M_ARENA_MAX = -8


def run_command(config: Path, *, end_with_data: bool, verbose: bool) -> int:
    """Run the agent; return the exit code."""
    from edge_agent.daemon.config import load_config
    from edge_agent.daemon.credentials import CredentialError, read_credentials
    from edge_agent.daemon.problems import ConfigError

    faulthandler.enable()  # where each thread was, when the watchdog or a library aborts
    _log_to_stderr(verbose=verbose)
    _share_one_heap()
    try:
        settings = load_config(config)
        credentials = read_credentials(settings.mqtt)
    except ConfigError as error:
        for problem in error.problems:
            print_error(str(problem))
        return exit_codes.CONFIGURATION
    except CredentialError as error:
        print_error(f"{config}: {error.key}: found {error.found}; allowed: {error.allowed}")
        return exit_codes.CONFIGURATION

    from edge_agent.daemon.keep import USABLE_FOLDER
    from edge_agent.daemon.service import AgentFailed, AlreadyRunningError, run_agent
    from edge_agent.pipeline.runtime import RuntimeMissingError

    try:
        run_agent(config, settings, credentials, end_with_data=end_with_data)
    except OSError as error:
        where = f"{error.filename or settings.state_dir}: {error.strerror}"
        print_error(f"{config}: state_dir: found {where}; allowed: {USABLE_FOLDER}")
        return exit_codes.CONFIGURATION
    except AlreadyRunningError as error:
        print_error(str(error))
        return exit_codes.TRY_AGAIN
    except (AgentFailed, RuntimeMissingError) as error:
        print_error(str(error))
        return exit_codes.UNAVAILABLE
    return exit_codes.OK


class _ForTheJournal(logging.Formatter):
    """Puts the priority in front, as sd-daemon(3) says."""

    def format(self, record: logging.LogRecord) -> str:
        """Return ``<6>message`` and the like."""
        priority = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3}.get(record.levelname, 2)
        return f"<{priority}>{super().format(record)}"


def _share_one_heap() -> None:
    """Keep glibc from giving every thread a heap of its own: megabytes that win nothing here.

    M_ARENA_MAX of mallopt(3); other C libraries have neither the call nor the problem.
    """
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def _log_to_stderr(*, verbose: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    if "JOURNAL_STREAM" in os.environ:
        handler.setFormatter(_ForTheJournal("%(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
