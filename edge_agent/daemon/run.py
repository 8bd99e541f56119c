"""One agent, alone in its state directory."""

from pathlib import Path

from edge_agent.daemon.config.settings import Config
from edge_agent.daemon.keep import StateDirectory
from edge_agent.daemon.mqtt.credentials import Credentials
from edge_agent.daemon.service import Service


class AlreadyRunningError(Exception):
    """Another agent uses the state directory."""


def run_agent(
    path: Path, config: Config, credentials: Credentials, *, end_with_data: bool = False
) -> None:
    """Run the agent of ``config``, which stands in ``path``, until it is told to stop.

    Raises:
        AlreadyRunningError: another one has the state directory.
        AgentFailed: it cannot go on.
        OSError: the state directory cannot be used.
    """
    state = StateDirectory(Path(config.state_dir))
    if not state.lock():
        raise AlreadyRunningError(f"another agent uses {config.state_dir}")
    try:
        Service(path, config, credentials, state).run(end_with_data=end_with_data)
    finally:
        state.close()
