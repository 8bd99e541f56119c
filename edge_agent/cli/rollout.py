"""``edge-rollout``: the commands of the operator."""

from collections.abc import Sequence

import click

from edge_agent.cli.program import print_version, run_program
from edge_agent.cli.rollout_fleet_group import FLEET_COMMANDS
from edge_agent.cli.rollout_repository_group import REPOSITORY_COMMANDS

_NAME = "edge-rollout"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@print_version(_NAME)
def rollout() -> None:
    """Sign and publish models, and move a fleet of gateways to them, over the MQTT broker."""


for _command in (*REPOSITORY_COMMANDS, *FLEET_COMMANDS):
    rollout.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    run_program(rollout, _NAME, arguments)


if __name__ == "__main__":
    main()
