"""``edge-agent``: the commands of the gateway."""

from collections.abc import Sequence
from pathlib import Path

import click

from edge_agent.cli.alarm_group import alarm
from edge_agent.cli.duration import DURATION
from edge_agent.cli.model_group import model
from edge_agent.cli.options import CONFIG, COUNT, JSON, PATH
from edge_agent.cli.program import print_version, run_program
from edge_agent.cli.trial_group import trial


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@print_version("edge-agent")
def agent() -> None:
    """Watch machines: sample sensors, score each window, publish anomalies over MQTT."""


@agent.command(epilog="\b\nExample:\n  edge-agent run --config /etc/edge-agent/config.toml")
@CONFIG
@click.option("--end-with-data", is_flag=True, help="End when no sensor will deliver any more.")
@click.option("--verbose", "-v", is_flag=True, help="Say more in the log.")
def run(config: Path, *, end_with_data: bool, verbose: bool) -> int:
    """Run the agent until it is told to stop (SIGTERM or Ctrl-C)."""
    from edge_agent.cli.run import run_command

    return run_command(config, end_with_data=end_with_data, verbose=verbose)


@agent.command(epilog="\b\nExample:\n  edge-agent check --config config.toml")
@CONFIG
@click.option("--offline", is_flag=True, help="Do not open the sensors, as while the agent runs.")
@JSON
def check(config: Path, *, offline: bool, as_json: bool) -> int:
    """Check the configuration, its bundles, plugins and sensors; say all that is wrong at once.

    Exit code 78: run refuses it. 75: nothing is wrong, but a bundle is not there yet.
    """
    from edge_agent.cli.check import check_command

    return check_command(config, offline=offline, as_json=as_json)


@agent.command(epilog="\b\nExample:\n  edge-agent plugins")
@JSON
def plugins(*, as_json: bool) -> int:
    """List the installed sensor and feature plugins, also those that do not work."""
    from edge_agent.cli.plugins import plugins_command

    return plugins_command(as_json=as_json)


@agent.command(
    epilog="\b\nExample:\n  edge-agent sample --config config.toml --asset pump-1 --blocks 5"
)
@CONFIG
@click.option("--asset", required=True, help="Name of the asset whose sensor to read.")
@click.option("--blocks", type=COUNT, default=10, show_default=True, help="How many to read.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds to wait for all blocks together.",
)
@JSON
def sample(config: Path, asset: str, blocks: int, timeout_s: float, *, as_json: bool) -> int:
    """Read some blocks from an asset's sensor and show what is in them."""
    from edge_agent.cli.sample import sample_command

    return sample_command(config, asset, blocks, timeout_s, as_json=as_json)


@agent.command(
    epilog="\b\nExamples:\n"
    "  edge-agent replay --bundle pump.edgemodel --recording run.npz\n"
    "  edge-agent replay --bundle pump.edgemodel --recording run.csv --rate-hz 25600 --jsonl -"
)
@click.option("--bundle", type=PATH, required=True, help="The .edgemodel file.")
@click.option("--recording", type=PATH, required=True, help="File or folder.")
@click.option("--overlay", type=PATH, help="What makes a general bundle this asset's own.")
@click.option("--jsonl", type=PATH, help="Where the rows go; - is standard output.")
@click.option(
    "--snapshots", type=PATH, help="Folder for the pictures of its anomalies; see explain."
)
@click.option("--channels", multiple=True, help="Channel by name or number; repeatable.")
@click.option(
    "--rate-hz",
    type=click.FloatRange(min=0, min_open=True),
    help="Samples per second, where the format does not say.",
)
@click.option("--window", type=COUNT, help="Samples per window; must be the bundle's.")
@click.option("--hop", type=COUNT, help="Samples from window to window; must be the bundle's.")
@click.option("--unit", help="Unit of the samples, where the format does not say.")
@click.option(
    "--decimate",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Keep every n-th sample, filtered.",
)
@JSON
def replay(  # noqa: PLR0913 - click passes one for each option
    *,
    bundle: Path,
    recording: Path,
    overlay: Path | None,
    jsonl: Path | None,
    snapshots: Path | None,
    channels: Sequence[str],
    rate_hz: float | None,
    window: int | None,
    hop: int | None,
    unit: str | None,
    decimate: int,
    as_json: bool,
) -> int:
    """Run a recording through a bundle, exactly as the agent would, as fast as it goes."""
    from edge_agent.cli.replay import replay_command
    from edge_agent.recordings import RecordingOptions

    options = RecordingOptions(
        channels=tuple(channels), rate_hz=rate_hz, unit=unit, decimate=decimate
    )
    return replay_command(
        bundle, recording, overlay, jsonl, snapshots, options, window, hop, as_json=as_json
    )


@agent.command(epilog="\b\nExample:\n  edge-agent status --config /etc/edge-agent/config.toml")
@CONFIG
@JSON
def status(config: Path, *, as_json: bool) -> int:
    """Ask the running agent how it is."""
    from edge_agent.cli.status import status_command

    return status_command(config, as_json=as_json)


@agent.command(epilog="\b\nExamples:\n  edge-agent tap\n  edge-agent tap pump-1 --json --for 60s")
@CONFIG
@click.argument("asset", required=False)
@click.option("--for", "seconds", type=DURATION, help="How long; until Ctrl-C where not given.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def tap(config: Path, asset: str | None, seconds: float | None, *, as_json: bool) -> int:
    """Watch the scores, thresholds and alarms of the running agent, of ASSET or of all."""
    from edge_agent.cli.tap import tap_command

    return tap_command(config, asset, seconds, as_json=as_json)


@agent.command(
    epilog="\b\nExamples:\n"
    "  edge-agent commission pump-1\n"
    "  edge-agent commission pump-1 --for 24h\n"
    "  edge-agent commission pump-1 --windows 500 --no-wait"
)
@CONFIG
@click.argument("asset")
@click.option("--for", "for_s", type=DURATION, help="Learn from so long: 90m, 24h, 7d.")
@click.option("--windows", type=COUNT, help="Learn from so many windows of the running machine.")
@click.option("--wait/--no-wait", default=True, help="Wait for the end, and show how far it is.")
@JSON
def commission(
    *,
    config: Path,
    asset: str,
    for_s: float | None,
    windows: int | None,
    wait: bool,
    as_json: bool,
) -> int:
    """Learn what ASSET, which follows a general bundle, is like while it is healthy.

    From the windows that come from now on; what was learned before holds until then. An asset
    without an overlay is commissioned by itself. Exit code 77: refused, with the reason.
    """
    from edge_agent.cli.commission import commission_command

    return commission_command(config, asset, for_s, windows, wait=wait, as_json=as_json)


@agent.command(epilog="\b\nExample:\n  edge-agent record pump-1 --out pump-1.npz --for 60s")
@CONFIG
@click.argument("asset")
@click.option("--out", type=PATH, required=True, help="The .npz file to write.")
@click.option("--for", "seconds", type=DURATION, required=True, help="How long: 90s, 5m, 1h.")
@click.option(
    "--max-mb",
    type=click.IntRange(1, 100_000),
    default=100,
    show_default=True,
    help="End when there are so many megabytes of samples.",
)
@JSON
def record(
    *, config: Path, asset: str, out: Path, seconds: float, max_mb: int, as_json: bool
) -> int:
    """Record the raw samples of ASSET while the agent runs, for training and replay."""
    from edge_agent.cli.record import record_command

    return record_command(config, asset, out, seconds, max_mb, as_json=as_json)


@agent.command(
    epilog="\b\nExamples:\n"
    "  edge-agent explain last\n"
    "  edge-agent explain pump-1 --out pump-1.html\n"
    "  edge-agent explain 1cd4631d\n"
    "  edge-agent explain message.json --out page.html"
)
@CONFIG
@click.argument("event")
@click.option("--out", type=PATH, help="Where to write the page with the pictures (HTML).")
@JSON
def explain(config: Path, event: str, out: Path | None, *, as_json: bool) -> int:
    """Say what an anomaly is about: what is unusual, how far from healthy, what to look at.

    EVENT is an anomaly's id or its first digits, the name of an asset for its last anomaly, the
    word last, or a file with a snapshot message. The agent need not run.
    """
    from edge_agent.cli.explain import explain_command

    return explain_command(event, config, out, as_json=as_json)


@agent.command(epilog="\b\nExample:\n  edge-agent diag --out gw-1.tar.gz")
@CONFIG
@click.option("--out", type=PATH, required=True, help="The .tar.gz file to write.")
@JSON
def diag(config: Path, out: Path, *, as_json: bool) -> int:
    """Collect what support needs into one archive, without secrets; the agent need not run."""
    from edge_agent.cli.diag import diag_command

    return diag_command(config, out, as_json=as_json)


@agent.group(epilog="\b\nExample:\n  edge-agent outbox stats --json")
def outbox() -> None:
    """Look into what waits for the broker, also while the agent runs."""


@outbox.command("stats", epilog="\b\nExample:\n  edge-agent outbox stats")
@CONFIG
@JSON
def outbox_stats(config: Path, *, as_json: bool) -> int:
    """Show what waits, and what became of every window and message."""
    from edge_agent.cli.outbox import stats_command

    return stats_command(config, as_json=as_json)


@outbox.command("fsck", epilog="\b\nExample:\n  edge-agent outbox fsck")
@CONFIG
@JSON
def outbox_fsck(config: Path, *, as_json: bool) -> int:
    """Check the database, every message in it, and the ledger against them."""
    from edge_agent.cli.outbox import fsck_command

    return fsck_command(config, as_json=as_json)


agent.add_command(alarm)
agent.add_command(trial)
agent.add_command(model)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    run_program(agent, "edge-agent", arguments)


if __name__ == "__main__":
    main()
