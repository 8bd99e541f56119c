"""``edge-agent sample``."""

from pathlib import Path

import click

from edge_agent.cli import exit_codes
from edge_agent.cli.output import print_error, print_json, print_table


def sample_command(
    config: Path, asset: str, blocks: int, timeout_s: float, *, as_json: bool
) -> int:
    """Sample one asset's sensor; return the exit code."""
    from edge_agent.daemon.config.problems import ConfigError
    from edge_agent.daemon.sample import SampleError, sample_asset

    try:
        result = sample_asset(config, asset, blocks, timeout_s)
    except ConfigError as error:
        for problem in error.problems:
            print_error(str(problem))
        return exit_codes.CONFIGURATION
    except SampleError as error:
        print_error(str(error))
        return exit_codes.UNAVAILABLE
    if as_json:
        print_json(result)
        return exit_codes.OK
    unit = result.unit or "no unit"
    rate = "none stated" if result.rate_hz is None else f"{result.rate_hz:g} Hz"
    measured = "" if result.measured_rate_hz is None else f", measured {result.measured_rate_hz:g}"
    click.echo(f"asset {result.asset}, sensor {result.sensor}")
    click.echo(f"{result.blocks} blocks, {result.samples} samples in {result.seconds:g} s")
    click.echo(f"rate {rate}{measured}; unit {unit}; {result.gaps} gaps")
    print_table(
        ("channel", "bias", "rms", "peak", "low", "high"),
        [
            (c.name, *(f"{x:.5g}" for x in (c.bias, c.rms, c.peak, c.low, c.high)))
            for c in result.channels
        ],
    )
    if result.not_compared is not None:
        click.echo(f"not held against a bundle: {result.not_compared}", err=True)
    for misfit in result.misfits:
        click.echo(f"does not fit the bundle: {misfit}", err=True)
    return exit_codes.OK
