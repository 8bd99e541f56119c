"""Asking the running agent to do something, from the command line."""

import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli import exit_codes
from edge_agent.cli.output import print_error
from edge_agent.cli.running import report_of_running

if TYPE_CHECKING:
    from edge_agent.daemon.commands.requests import Answer, AnyCommand

TIMEOUT_S = 30.0


def answer_of_running(
    config: Path,
    make: "Callable[[str, str], AnyCommand]",
    timeout_s: float = TIMEOUT_S,
    code_of: "Callable[[Answer], int]" = lambda _answer: exit_codes.REFUSED,
) -> "Answer | int":
    """Return what the agent of ``config`` answers; after saying why it does not, the exit code.

    Args:
        config: main file of its configuration.
        make: returns the command; its arguments are ``id`` and ``by``. Raises ValidationError
            of msgspec where the agent would not understand it.
        timeout_s: to wait for the answer.
        code_of: returns the exit code of an answer that refuses.
    """
    import msgspec

    from edge_agent.daemon.commands.requests import AnyCommand
    from edge_agent.daemon.local.client import AgentLeftError, NoAnswerError, ask
    from edge_agent.daemon.status import NotRunningError

    try:
        command = msgspec.convert(
            msgspec.to_builtins(make(os.urandom(16).hex(), user_name())), type=AnyCommand
        )
    except msgspec.ValidationError as error:
        print_error(str(error))
        return exit_codes.USAGE
    report = report_of_running(config)
    if isinstance(report, int):
        return report
    try:
        answer = ask(report, command, timeout_s)
    except (NotRunningError, AgentLeftError) as error:
        print_error(str(error))
        return exit_codes.UNAVAILABLE
    except NoAnswerError as error:
        print_error(str(error))
        return exit_codes.TRY_AGAIN
    if answer.result == "refused":
        print_error(f"refused: {answer.reason}")
        return code_of(answer)
    if not answer.durable:
        print_error("done, but the disk does not take it: it ends with the agent's next restart")
    return answer


def user_name() -> str:
    """Return the name of the user that asks, also behind ``sudo``."""
    name = os.environ.get("SUDO_USER")
    if name:
        return name
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"
