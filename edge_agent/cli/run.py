"""``edge-agent run``."""

import errno
import faulthandler
from pathlib import Path

from edge_agent.cli import exit_codes
from edge_agent.cli.logs import log_to_journal_or_stderr
from edge_agent.cli.output import print_error

# Disks get room again and are mounted anew: the service manager is to try again, unlike after 78.
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
_M_ARENA_MAX = -8


def run_command(config: Path, *, end_with_data: bool, verbose: bool) -> int:
    """Run the agent; return the exit code."""
    from edge_agent.daemon.config.draft import load_config
    from edge_agent.daemon.config.problems import ConfigError
    from edge_agent.daemon.mqtt.credentials import CredentialError, read_credentials

    faulthandler.enable()  # where each thread was, when the watchdog or a library aborts
    log_to_journal_or_stderr(verbose=verbose)
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
    from edge_agent.daemon.run import AlreadyRunningError, run_agent
    from edge_agent.daemon.service import AgentFailed
    from edge_agent.pipeline.runtime import RuntimeMissingError

    try:
        run_agent(config, settings, credentials, end_with_data=end_with_data)
    except OSError as error:
        where = f"{error.filename or settings.state_dir}: {error.strerror}"
        print_error(f"{config}: state_dir: found {where}; allowed: {USABLE_FOLDER}")
        return exit_codes.TRY_AGAIN if error.errno in _PASSING else exit_codes.CONFIGURATION
    except AlreadyRunningError as error:
        print_error(str(error))
        return exit_codes.TRY_AGAIN
    except (AgentFailed, RuntimeMissingError) as error:
        print_error(str(error))
        return exit_codes.UNAVAILABLE
    return exit_codes.OK


def _share_one_heap() -> None:
    """Keep glibc from giving every thread a heap of its own: megabytes that win nothing here.

    M_ARENA_MAX of mallopt(3); other C libraries have neither the call nor the problem.
    """
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
