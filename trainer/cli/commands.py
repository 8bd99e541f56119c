"""All commands in one group, and how the program ends."""

import os
import sys

import click

from edge_agent import __version__
from trainer.cli.collect import collect
from trainer.cli.compare import compare
from trainer.cli.evaluate import evaluate
from trainer.cli.features import features
from trainer.cli.inspect import inspect
from trainer.cli.labels import labels
from trainer.cli.recipes import recipes
from trainer.cli.train import train
from trainer.failures import Failure


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Make bundles from recordings of healthy machines."""


for command in (collect, compare, evaluate, features, inspect, labels, recipes, train):
    cli.add_command(command)


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("stopped", err=True)
        sys.exit(os.EX_TEMPFAIL)
    except Failure as error:
        click.echo(f"edge-trainer: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(os.EX_USAGE)
