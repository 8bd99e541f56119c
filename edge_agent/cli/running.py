"""The running agent, for the commands that ask it something."""

from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli import exit_codes
from edge_agent.cli.output import print_error

if TYPE_CHECKING:
    from edge_agent.daemon.report import AgentReport


def report_of_running(config: Path) -> "AgentReport | int":
    """Return how the agent of ``config`` is; after saying why there is none, the exit code."""
    from edge_agent.daemon.config import load_config
    from edge_agent.daemon.problems import ConfigError
    from edge_agent.daemon.status import NotRunningError, read_report

    try:
        settings = load_config(config)
        return read_report(settings.gateway, Path(settings.state_dir))
    except ConfigError as error:
        for problem in error.problems:
            print_error(str(problem))
        return exit_codes.CONFIGURATION
    except NotRunningError as error:
        print_error(str(error))
        return exit_codes.UNAVAILABLE
