"""``edge-agent explain``."""

from pathlib import Path

import click

from edge_agent.cli import exit_codes
from edge_agent.cli.output import print_error, print_json
from edge_agent.cli.running import state_dir_of


def explain_command(event: str, config: Path, out: Path | None, *, as_json: bool) -> int:
    """Explain an anomaly from its snapshot; return the exit code."""
    from edge_agent.daemon.explain.find import NoSnapshotError, UnreadableError, find_snapshot
    from edge_agent.daemon.explain.page import page
    from edge_agent.daemon.explain.text import explanation

    try:
        snapshot = find_snapshot(event, state_dir_of(config))
    except NoSnapshotError as error:
        print_error(str(error))
        return exit_codes.UNAVAILABLE
    except UnreadableError as error:
        print_error(str(error))
        return exit_codes.BAD_DATA
    if out is not None:
        try:
            out.write_bytes(page(snapshot))
        except OSError as error:
            print_error(f"{out}: cannot be written: {error.strerror}")
            return exit_codes.UNAVAILABLE
    if as_json:
        print_json(snapshot)
        return exit_codes.OK
    click.echo(explanation(snapshot))
    if out is not None:
        click.echo(f"\nThe pictures are in {out}.")
    return exit_codes.OK
