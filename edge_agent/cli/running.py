"""The running agent, for the commands that ask it something."""

from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli import exit_codes
from edge_agent.cli.output import print_error

if TYPE_CHECKING:
    from edge_agent.daemon.config.settings import Config
    from edge_agent.daemon.report import AgentReport


def report_of_running(config: Path) -> "AgentReport | int":
    """Return how the agent of ``config`` is; after saying why there is none, the exit code.

    An agent that runs goes before a file that is wrong by now: what it was started with holds.
    """
    from edge_agent.daemon.config.draft import read_draft
    from edge_agent.daemon.config.settings import STATE_DIR
    from edge_agent.daemon.status import NotRunningError, read_report

    draft = read_draft(config)
    gateway = draft.said("gateway")
    state_dir = draft.said("state_dir") or STATE_DIR
    try:
        if isinstance(gateway, str) and isinstance(state_dir, str):
            return read_report(gateway, Path(state_dir))
    except NotRunningError as error:
        if not draft.problems:
            print_error(str(error))
            return exit_codes.UNAVAILABLE
    for problem in draft.problems:
        print_error(str(problem))
    return exit_codes.CONFIGURATION


def settings_of(config: Path) -> "Config | None":
    """Return what the configuration says; None after saying what is wrong with it."""
    from edge_agent.daemon.config.draft import load_config
    from edge_agent.daemon.config.problems import ConfigError

    try:
        return load_config(config)
    except ConfigError as error:
        for problem in error.problems:
            print_error(str(problem))
        return None


def state_dir_of(config: Path) -> Path:
    """Return the agent's folder, also where the rest of the configuration is wrong."""
    from edge_agent.daemon.config.draft import read_draft
    from edge_agent.daemon.config.settings import STATE_DIR

    stated = read_draft(config).said("state_dir")
    return Path(stated if isinstance(stated, str) else STATE_DIR)
