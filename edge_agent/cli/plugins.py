"""``edge-agent plugins``."""

from typing import Literal

import msgspec

from edge_agent.cli import exit_codes
from edge_agent.cli.output import print_json, print_table
from edge_agent.plugin.discovery import PluginRecord, discover


class PluginRow(msgspec.Struct, frozen=True, kw_only=True):
    """One plugin, as printed."""

    kind: Literal["sensors", "features"]
    name: str
    status: Literal["loaded", "failed", "incompatible"]
    version: str | None
    distribution: str
    distribution_version: str
    reason: str | None


def plugins_command(*, as_json: bool) -> int:
    """List all plugins; one that fails is a row like the others. Return the exit code."""
    rows = [_row(r) for kind in ("sensors", "features") for r in discover(kind).values()]
    if as_json:
        print_json(rows)
    else:
        print_table(
            ("kind", "name", "status", "version", "from", "reason"),
            [
                (
                    row.kind.removesuffix("s"),
                    row.name,
                    row.status,
                    row.version or "-",
                    f"{row.distribution} {row.distribution_version}",
                    row.reason or "",
                )
                for row in rows
            ],
        )
    return exit_codes.OK


def _row(record: PluginRecord) -> PluginRow:
    return PluginRow(
        kind=record.kind,
        name=record.name,
        status=record.status,
        version=None if record.plugin is None else record.plugin.version,
        distribution=record.distribution,
        distribution_version=record.distribution_version,
        reason=record.reason,
    )
