"""The guide for operators names commands and options that there are."""

import re
from pathlib import Path

import click
import pytest

from edge_agent.cli.rollout import rollout

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guides" / "publish-a-model.md"
UNIT = ROOT / "deploy" / "systemd" / "edge-rollout-refresh.service"
COMMANDS = re.findall(
    r"^    (?:sudo -u \S+ )?edge-rollout (.+)$",
    re.sub(r" \\\n\s+", " ", GUIDE.read_text("utf-8")),
    re.MULTILINE,
)


def test_there_are_commands_in_it() -> None:
    assert len(COMMANDS) >= 10


def test_the_unit_runs_one_that_asks_nobody() -> None:
    (line,) = re.findall(r"^ExecStart=\S+/edge-rollout (.+)$", UNIT.read_text(), re.MULTILINE)
    test_each_command_is_understood(line)
    assert "--passphrase-file" in line


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_is_understood(line: str) -> None:
    name, *arguments = line.partition("#")[0].split()
    command = rollout.commands[name]
    parser = command.make_parser(click.Context(command))
    _, left, _ = parser.parse_args(arguments)
    assert not left
