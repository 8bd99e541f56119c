"""``edge-agent outbox stats`` and ``edge-agent outbox fsck``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli import exit_codes
from edge_agent.cli.output import print_error, print_json, print_table
from edge_agent.cli.running import settings_of

if TYPE_CHECKING:
    from edge_agent.daemon.outbox.inspect import Stats


def stats_command(config: Path, *, as_json: bool) -> int:
    """Show what waits and what became of all else; return the exit code."""
    from edge_agent.daemon.outbox.inspect import UnavailableError, read_stats
    from edge_agent.daemon.outbox.layout import DamagedError

    settings = settings_of(config)
    if settings is None:
        return exit_codes.CONFIGURATION
    try:
        stats = read_stats(Path(settings.state_dir), round(settings.outbox.max_mb * 1e6))
    except UnavailableError as error:
        print_error(str(error))
        return exit_codes.UNAVAILABLE
    except DamagedError as error:
        print_error(f"{settings.state_dir}: the outbox is damaged: {error}")
        return exit_codes.BAD_DATA
    if as_json:
        print_json(stats)
    else:
        _print(stats)
    return exit_codes.OK


def fsck_command(config: Path, *, as_json: bool) -> int:
    """Check the database and its ledger; return the exit code."""
    from edge_agent.daemon.outbox.inspect import UnavailableError, check

    settings = settings_of(config)
    if settings is None:
        return exit_codes.CONFIGURATION
    try:
        findings = check(Path(settings.state_dir))
    except UnavailableError as error:
        print_error(str(error))
        return exit_codes.UNAVAILABLE
    if as_json:
        print_json(findings)
    else:
        for problem in findings.problems:
            print_error(f"{findings.file}: {problem}")
        if not findings.problems:
            click.echo(f"{findings.file}: sound; {findings.messages} messages wait")
    return exit_codes.BAD_DATA if findings.problems else exit_codes.OK


def _print(stats: "Stats") -> None:
    used = sum(kind.bytes for kind in stats.waiting.values())
    click.echo(
        f"{stats.file}: {_mb(stats.file_bytes)} on the disk;"
        f" messages take {_mb(used)} of {_mb(stats.max_bytes)}"
    )
    print_table(
        ("kind", "waiting", "size", "oldest"),
        [
            (
                kind,
                str(waiting.messages),
                _mb(waiting.bytes),
                "-" if waiting.oldest_s is None else f"{waiting.oldest_s / 3600:.1f} h",
            )
            for kind, waiting in stats.waiting.items()
        ],
    )
    click.echo(f"since {stats.ledger.since}:")
    print_table(
        ("asset", "sampled", "scored", "not scored"),
        [
            (
                entry.asset,
                str(entry.windows.sampled),
                str(entry.windows.scored),
                ", ".join(f"{n} {reason}" for reason, n in entry.windows.not_scored.items()) or "-",
            )
            for entry in stats.ledger.assets
        ],
    )
    columns = ("queued", "acknowledged", "refused", "evicted", "expired", "lost", "pending")
    print_table(
        ("asset", "kind", *columns),
        [
            (entry.asset, kind, *(str(getattr(counts, column)) for column in columns))
            for entry in stats.ledger.assets
            for kind, counts in entry.messages.items()
        ],
    )
    for path in stats.set_aside:
        click.echo(f"set aside: {path}")


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
