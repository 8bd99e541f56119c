"""``edge-agent check``."""

from pathlib import Path

import click

from edge_agent.cli import exit_codes
from edge_agent.cli.output import print_error, print_json, print_table


def check_command(config: Path, *, offline: bool, as_json: bool) -> int:
    """Check the configuration; return the exit code."""
    from edge_agent.daemon.config.check import check_config
    from edge_agent.pipeline.runtime import RuntimeMissingError

    try:
        findings = check_config(config, offline=offline)
    except RuntimeMissingError as error:
        print_error(str(error))
        return exit_codes.UNAVAILABLE
    if as_json:
        print_json(findings)
        return exit_codes.CONFIGURATION if findings.problems else exit_codes.OK
    for warning in findings.warnings:
        click.echo(f"warning: {warning}", err=True)
    for problem in findings.problems:
        click.echo(f"error: {problem}", err=True)
    if findings.problems:
        n = len(findings.problems)
        click.echo(f"{config}: {n} problem{'' if n == 1 else 's'}", err=True)
        return exit_codes.CONFIGURATION
    print_table(
        ("asset", "sensor", "bundle", "sensor opened"),
        [(a.name, a.sensor, a.bundle, "yes" if a.opened else "no") for a in findings.assets],
    )
    limit = ", but only under systemd: started otherwise, run refuses it"
    click.echo(f"{config}: ok{limit if findings.needs_systemd else ''}")
    return exit_codes.OK
