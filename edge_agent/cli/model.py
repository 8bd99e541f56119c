"""``edge-agent model``: with a running agent, or on the folder of a stopped one."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli import exit_codes
from edge_agent.cli.commanding import answer_of_running, user_name
from edge_agent.cli.output import print_error, print_json, print_table
from edge_agent.cli.running import settings_of, state_dir_of

if TYPE_CHECKING:
    from edge_agent.daemon.commands.requests import Answer, Model
    from edge_agent.rollout.install.orders import Placing

    Make = Callable[[str, str], Model]

_LONGEST_S = 1000.0  # beyond the deadline of the verification itself
_CODES = {
    "refused": exit_codes.REFUSED,
    "bad": exit_codes.BAD_DATA,
    "choice": exit_codes.USAGE,
    "failed": exit_codes.UNAVAILABLE,
}


def list_command(config: Path, *, as_json: bool) -> int:
    """Show what is installed; return the exit code."""
    from edge_agent.daemon.update.stopped import installed_models

    models = installed_models(state_dir_of(config))
    if as_json:
        print_json(models)
    elif not models:
        click.echo("no model is installed for a line")
    else:
        print_table(
            ("line", "use", "model", "version", "sha256"),
            [
                (
                    one.line,
                    f"{one.use}, damaged" if one.damaged else one.use,
                    one.model.name,
                    one.model.version,
                    one.model.sha256[:16],
                )
                for one in models
            ],
        )
    return exit_codes.OK


def install_command(config: Path, make: "Make", *, as_json: bool) -> int:
    """Install what somebody brings; return the exit code."""
    from edge_agent.daemon.update.stopped import RunsError, install_stopped
    from edge_agent.rollout.install.orders import ByHand
    from edge_agent.rollout.install.place import PlaceError

    settings = settings_of(config)
    if settings is None:
        return exit_codes.CONFIGURATION
    asked = make("stopped", user_name())
    order = ByHand(
        gateway=settings.gateway,
        enrolment=settings.update.enrolment,
        state_dir=settings.state_dir,
        path=asked.path or "",
        model=asked.model,
        line=asked.line,
        unsigned=asked.unsigned,
        allow_downgrade=asked.allow_downgrade,
    )
    try:
        placing = install_stopped(settings, order, asked.by)
        used = "is used from the next start on"
    except RunsError:
        answer = answer_of_running(config, make, _LONGEST_S, code_of=_code_of)
        if isinstance(answer, int):
            return answer
        placing, used = _placing(answer), "is used"
    except (OSError, PlaceError) as error:
        print_error(str(error))
        return exit_codes.UNAVAILABLE
    if as_json:
        print_json(placing)
    for warning in () if as_json else placing.warnings:
        print_error(f"warning: {warning}")
    if placing.refused is not None:
        print_error(placing.refused)
        return _CODES[placing.kind or "failed"]
    if not as_json:
        click.echo(f"{placing.line}: {placing.name} {placing.version} {used}")
    return exit_codes.OK


def rollback_command(config: Path, line: str | None, *, as_json: bool) -> int:
    """Go back to what was used before; return the exit code."""
    from edge_agent.daemon.commands.requests import Model
    from edge_agent.daemon.update.stopped import RunsError, roll_back_stopped
    from edge_agent.rollout.install.place import PlaceError

    data: dict[str, str]
    try:
        data = roll_back_stopped(state_dir_of(config), line, user_name())
        used = "is used again from the next start on"
    except RunsError:
        answer = answer_of_running(
            config, lambda number, by: Model(id=number, by=by, action="rollback", line=line)
        )
        if isinstance(answer, int):
            return answer
        data, used = answer.data, "is used again"
    except PlaceError as error:
        print_error(str(error))
        return exit_codes.REFUSED
    except OSError as error:
        print_error(str(error))
        return exit_codes.UNAVAILABLE
    if as_json:
        print_json(data)
    else:
        click.echo(f"{data['line']}: {data['folder']} {used}, not {data['before']}")
    return exit_codes.OK


def _placing(answer: "Answer") -> "Placing":
    import msgspec

    from edge_agent.rollout.install.orders import Placing

    return msgspec.convert(answer.data["placing"], type=Placing)


def _code_of(answer: "Answer") -> int:
    """Return the exit code of a refusal: of the verification where there was one."""
    kind = _placing(answer).kind if "placing" in answer.data else None
    return _CODES[kind or "refused"]
