"""The guide for rollouts names commands and options that there are."""

import re
import shlex
from pathlib import Path

import click
import pytest

from edge_agent.cli.rollout import rollout

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "roll-out.md"
COMMANDS = re.findall(r"^    edge-rollout (.+)$", GUIDE.read_text("utf-8"), re.MULTILINE)


def test_there_are_commands_in_it() -> None:
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_is_understood(line: str) -> None:
    name, *arguments = shlex.split(line)
    command = rollout.commands[name]
    parser = command.make_parser(click.Context(command))
    _, left, _ = parser.parse_args(arguments)
    assert not left
