"""``python -m demo``."""

import signal
import sys
from functools import partial
from pathlib import Path
from types import FrameType

import click

from demo.failure import DemoError
from demo.play import play
from demo.recorded import recorded
from demo.screen import Screen
from demo.simulation import QUICK, WHOLE, simulated
from demo.story import Story
from edge_agent.cli import exit_codes
from trainer.options import HealthyRange

_NOT_FOUND = 1


@click.command(epilog="\b\nExample:\n  python -m demo --recording Bearing1_1.npz")
@click.option(
    "--recording",
    type=click.Path(path_type=Path),
    help="A real run to failure instead of the simulated one.",
)
@click.option(
    "--healthy",
    type=HealthyRange(),
    help="Its healthy windows, from 0, half open; without it those from 7 to 32 % are taken.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-output"),
    show_default=True,
    help="Folder for the picture, the bundle, its report and the logs.",
)
@click.option("--quick", is_flag=True, help="Simulate fewer days, for a test.")
@click.option("--embedded-broker", is_flag=True, help="Do without mosquitto in any case.")
def demo(
    *,
    recording: Path | None,
    healthy: tuple[int, int] | None,
    output: Path,
    quick: bool,
    embedded_broker: bool,
) -> int:
    """Train on a healthy bearing, watch it fail, and hear of it over MQTT.

    The exit code is 0 when an alarm was received after the damage began, 1 when none was.
    """
    if healthy is not None and recording is None:
        raise click.UsageError("--healthy goes with --recording")
    if recording is None:
        tell = partial(_tell_simulated, quick=quick)
    else:
        tell = partial(_tell_recorded, recording, healthy)
    screen = Screen()
    try:
        heard = play(tell, output, screen, embedded=embedded_broker)
    except DemoError as error:
        screen.error(f"demo: {error}")
        return exit_codes.UNAVAILABLE
    except KeyboardInterrupt:
        screen.error("demo: stopped")
        return exit_codes.INTERRUPTED
    return exit_codes.OK if heard else _NOT_FOUND


def _tell_simulated(folder: Path, screen: Screen, *, quick: bool) -> Story:
    screen.progress("simulating the healthy days to learn from")
    return simulated(folder, QUICK if quick else WHOLE)


def _tell_recorded(
    path: Path, healthy: tuple[int, int] | None, _folder: Path, screen: Screen
) -> Story:
    def progress(count: int) -> None:
        if count % 100 == 0:
            screen.progress(f"{path.name}: {count} windows")

    return recorded(path, healthy, progress)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Run the demonstration and exit with its code."""
    # Whoever ends it politely wants its processes ended too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        code = demo.main(prog_name="python -m demo", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = exit_codes.USAGE
    except click.exceptions.Exit as error:
        code = error.exit_code
    sys.exit(code)


if __name__ == "__main__":
    main()
