"""``edge-rollout``: the commands for gateways and rollouts, without what they need to run."""

from pathlib import Path

import click

from edge_agent.cli.duration import DURATION
from edge_agent.cli.options import COUNT, JSON, PATH
from edge_agent.cli.rollout_home import HOME, PASSPHRASE_FILE

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_ROLLOUT = click.argument("rollout", required=False)
_WATCH = click.option("--watch", is_flag=True, help="Show it as it goes.")
_TAKE_OVER = click.option(
    "--take-over", is_flag=True, help="Also from another controller, which stops when it hears."
)


@click.command(
    epilog="\b\nExamples:\n"
    "  edge-rollout enroll gw-1 --group press-line --out gw-1\n"
    "  edge-rollout enroll gw-2 --group press-line --group hall-3 --out gw-2"
    " --broker-ca ca.crt --password-file gw-2.password"
)
@HOME
@PASSPHRASE_FILE
@click.argument("gateway")
@click.option("--group", "groups", multiple=True, help="That it is in; repeatable.")
@click.option("--out", type=PATH, required=True, help="Folder to write, for the gateway alone.")
@click.option("--broker-ca", type=_FILE, help="Certificates of the broker.")
@click.option("--password-file", type=_FILE, help="The gateway's password for the broker.")
@click.option(
    "--floor", "floors", multiple=True, help="LINE=VERSION: nothing lower is installed; repeatable."
)
@click.option("--again", is_flag=True, help="A new key for one that is enrolled; its old one ends.")
@JSON
def enroll(  # noqa: PLR0913 - click passes one for each option
    *,
    folder: Path,
    passphrase_file: Path | None,
    gateway: str,
    groups: tuple[str, ...],
    out: Path,
    broker_ca: Path | None,
    password_file: Path | None,
    floors: tuple[str, ...],
    again: bool,
    as_json: bool,
) -> int:
    """Make what GATEWAY must have before it is sent out, and take it into the inventory.

    The folder goes to /etc/edge-agent/enrolment of that gateway and of no other.
    """
    from edge_agent.cli.rollout_gateways import Chosen, enroll_command

    chosen = Chosen(gateway, groups, out, broker_ca, password_file, floors, again)
    return enroll_command(folder, passphrase_file, chosen, as_json=as_json)


@click.command(epilog="\b\nExample:\n  edge-rollout regroup gw-1 --group press-line --group pilot")
@HOME
@PASSPHRASE_FILE
@click.argument("gateway")
@click.option("--group", "groups", multiple=True, help="That it is in from now on; repeatable.")
@JSON
def regroup(
    folder: Path,
    passphrase_file: Path | None,
    gateway: str,
    groups: tuple[str, ...],
    *,
    as_json: bool,
) -> int:
    """Put GATEWAY into other groups."""
    from edge_agent.cli.rollout_gateways import regroup_command

    return regroup_command(folder, passphrase_file, gateway, groups, as_json=as_json)


@click.command(epilog="\b\nExamples:\n  edge-rollout gateways\n  edge-rollout gateways --json")
@HOME
@JSON
def gateways(folder: Path, *, as_json: bool) -> int:
    """List the fleet: groups, what runs by signed report, last seen, what is wrong."""
    from edge_agent.cli.rollout_gateways import gateways_command

    return gateways_command(folder, as_json=as_json)


@click.command(
    epilog="\b\nExamples:\n"
    "  edge-rollout start press@1.4.0 --to group=press-line --watch\n"
    "  edge-rollout start press@1.4.0 --to group=press-line --waves 1,10%,50%,100% --hold 30m"
    ' --min-windows 50 --abort-if "failed>5%" --rate 100/min --timeout 2h\n'
    "  edge-rollout start --set publish_features=true --set period_s.pump-1=60 --to gateway=gw-1"
)
@HOME
@PASSPHRASE_FILE
@click.argument("model", required=False)
@click.option("--to", multiple=True, required=True, help="all, group=NAME or gateway=NAME.")
@click.option("--line", help="Whose assets shall run it.  [default: the model's name]")
@click.option(
    "--set",
    "settings",
    multiple=True,
    help="publish_features, publish_score, period_s.ASSET or false_alarms_per_month.ASSET =VALUE.",
)
@click.option(
    "--waves",
    default="1,10%,50%,100%",
    show_default=True,
    help="How many have begun by the end of each.",
)
@click.option(
    "--hold", type=DURATION, default="30m", show_default=True, help="It must run before it counts."
)
@click.option(
    "--min-windows",
    type=COUNT,
    default=50,
    show_default=True,
    help="Live windows that old and new model must both have scored.",
)
@click.option(
    "--abort-if",
    multiple=True,
    default=("failed>5%",),
    show_default=True,
    help="failed or timed_out, of a wave or of all so far; repeatable.",
)
@click.option("--rate", default="100/min", show_default=True, help="Orders sent.")
@click.option(
    "--timeout",
    type=DURATION,
    default="2h",
    show_default=True,
    help="From its order on, until a gateway must run it.",
)
@click.option("--limit", "limits", multiple=True, help="Of the trial: NAME=VALUE; repeatable.")
@click.option("--allow-downgrade", is_flag=True, help="Lower than what runs may be taken over.")
@_WATCH
@JSON
def start(  # noqa: PLR0913 - click passes one for each option
    *,
    folder: Path,
    passphrase_file: Path | None,
    model: str | None,
    to: tuple[str, ...],
    line: str | None,
    settings: tuple[str, ...],
    waves: str,
    hold: float,
    min_windows: int,
    abort_if: tuple[str, ...],
    rate: str,
    timeout: float,
    limits: tuple[str, ...],
    allow_downgrade: bool,
    watch: bool,
    as_json: bool,
) -> int:
    """Move gateways to MODEL (NAME@VERSION) in waves, and stay until it is done.

    Cut off at any point, resume goes on. Exit code: 0 all have proved themselves; 65 some have
    not, or it was aborted; 75 paused or interrupted; 69 the broker cannot be reached; 77 refused.
    """
    from edge_agent.cli.rollout_run import start_command
    from edge_agent.cli.rollout_wanted import Wanted

    wanted = Wanted(
        model=model,
        line=line,
        to=to,
        settings=settings,
        waves=waves,
        hold_s=hold,
        min_windows=min_windows,
        abort_if=abort_if,
        rate=rate,
        timeout_s=timeout,
        limits=limits,
        allow_downgrade=allow_downgrade,
    )
    return start_command(folder, passphrase_file, wanted, watch=watch, as_json=as_json)


@click.command(
    epilog="\b\nExamples:\n  edge-rollout status --watch\n  edge-rollout status ROLLOUT --json"
)
@HOME
@_ROLLOUT
@_WATCH
@JSON
def status(folder: Path, rollout: str | None, *, watch: bool, as_json: bool) -> int:
    """Show how ROLLOUT goes, the newest by default: by wave, and why some gateways fail.

    Exit code: 0 all have proved themselves, or none was started yet; 65 ended otherwise; 75 not
    ended.
    """
    from edge_agent.cli.rollout_status import status_command

    return status_command(folder, rollout, watch=watch, as_json=as_json)


@click.command(epilog="\b\nExample:\n  edge-rollout pause")
@HOME
@PASSPHRASE_FILE
@_ROLLOUT
@JSON
def pause(folder: Path, passphrase_file: Path | None, rollout: str | None, *, as_json: bool) -> int:
    """Give no further orders; what was ordered goes on. Whoever drives it ends with 75."""
    from edge_agent.cli.rollout_run import pause_command

    return pause_command(folder, passphrase_file, rollout, as_json=as_json)


@click.command(
    epilog="\b\nExamples:\n  edge-rollout resume --watch\n  edge-rollout resume --take-over"
)
@HOME
@PASSPHRASE_FILE
@_ROLLOUT
@_TAKE_OVER
@_WATCH
@JSON
def resume(
    folder: Path,
    passphrase_file: Path | None,
    rollout: str | None,
    *,
    take_over: bool,
    watch: bool,
    as_json: bool,
) -> int:
    """Go on with a rollout that was paused, interrupted or killed. Exit codes as of start."""
    from edge_agent.cli.rollout_run import resume_command

    return resume_command(
        folder, passphrase_file, rollout, take_over=take_over, watch=watch, as_json=as_json
    )


@click.command(epilog="\b\nExample:\n  edge-rollout abort --roll-back")
@HOME
@PASSPHRASE_FILE
@_ROLLOUT
@click.option("--roll-back", is_flag=True, help="What moved goes back to what it ran before.")
@_TAKE_OVER
@JSON
def abort(
    folder: Path,
    passphrase_file: Path | None,
    rollout: str | None,
    *,
    roll_back: bool,
    take_over: bool,
    as_json: bool,
) -> int:
    """Stop a rollout: gateways that are under way stay with what they run.

    With --roll-back also of a rollout that has ended. Exit code 65: some could not be taken back.
    """
    from edge_agent.cli.rollout_run import abort_command

    return abort_command(
        folder,
        passphrase_file,
        rollout,
        roll_back=roll_back,
        take_over=take_over,
        as_json=as_json,
    )


@click.command(epilog="\b\nExample:\n  edge-rollout log --last 50")
@HOME
@click.option("--last", type=COUNT, default=20, show_default=True, help="So many entries.")
@JSON
def log(folder: Path, last: int, *, as_json: bool) -> int:
    """Say who did what when."""
    from edge_agent.cli.rollout_status import log_command

    return log_command(folder, last, as_json=as_json)


FLEET_COMMANDS = (enroll, regroup, gateways, start, status, pause, resume, abort, log)
