"""``edge-agent check``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli import exit_codes
from edge_agent.cli.output import print_error, print_json, print_table

if TYPE_CHECKING:
    from edge_agent.daemon.config.check import Findings


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
        return _code(findings)
    for warning in findings.warnings:
        click.echo(f"warning: {warning}", err=True)
    for absent in findings.absent.values():
        click.echo(f"missing: {absent}", err=True)
    for problem in findings.problems:
        click.echo(f"error: {problem}", err=True)
    if findings.problems:
        n = len(findings.problems)
        click.echo(f"{config}: {n} problem{'' if n == 1 else 's'}", err=True)
        return _code(findings)
    print_table(
        ("asset", "sensor", "bundle", "sensor opened"),
        [(a.name, a.sensor, a.bundle, "yes" if a.opened else "no") for a in findings.assets],
    )
    limit = ", but only under systemd: started otherwise, run refuses it"
    limit = limit if findings.needs_systemd else ""
    if findings.absent:
        n = len(findings.absent)
        found = f"{n} bundle{'' if n == 1 else 's'} missing"
        begun = "run starts, and watches an asset once its bundle has come"
        click.echo(f"{config}: {found}: {begun}{limit}", err=True)
    else:
        click.echo(f"{config}: ok{limit}")
    return _code(findings)


def _code(findings: "Findings") -> int:
    if findings.problems:
        return exit_codes.CONFIGURATION
    return exit_codes.TRY_AGAIN if findings.absent else exit_codes.OK
