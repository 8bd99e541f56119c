"""``edge-agent commission``."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli import exit_codes
from edge_agent.cli.commanding import answer_of_running
from edge_agent.cli.output import print_error, print_json
from edge_agent.cli.running import report_of_running

if TYPE_CHECKING:
    from edge_agent.daemon.report import AssetReport

_POLL_S = 0.5


def commission_command(
    config: Path,
    asset: str,
    for_s: float | None,
    windows: int | None,
    *,
    wait: bool,
    as_json: bool,
) -> int:
    """Have an asset commissioned, and wait for what comes of it; return the exit code."""
    from edge_agent.daemon.commands.requests import Commission
    from edge_agent.daemon.status import boot_time_s

    answer = answer_of_running(
        config,
        lambda command_id, by: Commission(
            id=command_id, by=by, asset=asset, for_s=for_s, windows=windows
        ),
    )
    if isinstance(answer, int):
        return answer
    if not wait:
        if as_json:
            print_json(answer.data)
        else:
            click.echo(f"{asset}: to be commissioned from {answer.data['windows']} windows")
        return exit_codes.OK
    try:
        found = _ended(config, asset, boot_time_s(), quiet=as_json)
    except KeyboardInterrupt:
        print_error("it goes on without you; edge-agent status shows how far it is")
        return exit_codes.INTERRUPTED
    if isinstance(found, int):
        return found
    refused = None if found.commissioning is None else found.commissioning.refused
    if as_json:
        print_json({"asset": asset, "refused": refused, "overlay": found.model_overlay})
    elif refused is None:
        click.echo(f"{asset}: commissioned, overlay {(found.model_overlay or '')[:16]}")
    if refused is not None:
        print_error(f"{asset}: not commissioned: {refused}")
        return exit_codes.REFUSED
    return exit_codes.OK


def _ended(config: Path, asset: str, since_boot_s: float, *, quiet: bool) -> "AssetReport | int":
    """Wait until the asset is commissioned or that is refused; show how far it is."""
    shown = 0
    with click.progressbar(
        length=1, label=asset, hidden=quiet or not sys.stderr.isatty(), file=sys.stderr
    ) as bar:
        while True:
            report = report_of_running(config)
            if isinstance(report, int):
                return report
            found = next((one for one in report.assets if one.name == asset), None)
            if report.written_boot_s > since_boot_s:
                if found is None:
                    print_error(f"asset {asset} is not watched any more")
                    return exit_codes.UNAVAILABLE
                progress = found.commissioning
                if progress is None or progress.refused is not None:
                    return found
                bar.length = progress.wanted
                bar.update(progress.windows - shown)
                shown = progress.windows
            time.sleep(_POLL_S)
