"""Options that many commands have."""

from pathlib import Path

import click

PATH = click.Path(path_type=Path)
CONFIG = click.option(
    "--config",
    type=PATH,
    default=Path("/etc/edge-agent/config.toml"),
    show_default=True,
    help="Main file; config.d/*.toml beside it is read too.",
)
COUNT = click.IntRange(min=1)
JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
