"""``edge-agent diag``."""

import os
from pathlib import Path

import click

from edge_agent.cli import exit_codes
from edge_agent.cli.output import print_error, print_json


def diag_command(config: Path, out: Path, *, as_json: bool) -> int:
    """Collect an archive for support; return the exit code."""
    from edge_agent.daemon.diag import collect_diagnosis

    if not out.name.endswith((".tar.gz", ".tgz")):
        print_error(f"--out: found {out}; allowed: a name that ends in .tar.gz")
        return exit_codes.USAGE
    os.umask(0o077)  # for nobody else's eyes, from its first byte on
    try:
        collected = collect_diagnosis(config, out)
    except OSError as error:
        print_error(f"{out}: cannot be written: {error.strerror}")
        return exit_codes.UNAVAILABLE
    if as_json:
        print_json(collected)
        return exit_codes.OK
    for name, reason in collected.missing.items():
        click.echo(f"without {name}: {reason}", err=True)
    click.echo(
        f"{collected.file}: {collected.bytes / 1e3:.0f} kB, {len(collected.parts)} parts, secrets"
        " removed; look into it before you send it"
    )
    return exit_codes.OK
