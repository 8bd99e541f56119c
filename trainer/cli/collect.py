"""``edge-trainer collect``."""

import logging
import math
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from trainer.cli.broker import broker, broker_options
from trainer.cli.output import print_json
from trainer.cli.requirements import require_formats
from trainer.failures import Failure, failures

if TYPE_CHECKING:
    from trainer.collect.collector import Counts

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_ROOT = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")


class Duration(click.ParamType[float]):
    """A number and a unit, such as 90s, 15m, 1h or 2d; the value is in seconds."""

    name = "DURATION"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds."""
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"(\d{1,6})([smhd])", str(value), re.ASCII)
        if match is None or int(match[1]) == 0:
            self.fail(f"{value!r} found, allowed: a number and s, m, h or d, as in 15m", param, ctx)
        return int(match[1]) * _UNITS_S[match[2]]


class Matching(click.ParamType[str]):
    """A text of a certain form."""

    def __init__(self, name: str, form: re.Pattern[str]) -> None:
        """``form`` is what the whole text must match."""
        self.name = name
        self._form = form

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text."""
        if not self._form.fullmatch(str(value)):
            self.fail(f"{value!r} found, allowed: {self._form.pattern}", param, ctx)
        return str(value)


@click.command(
    epilog="\b\nExample:\n"
    "  edge-trainer collect --host broker.plant --tls --username trainer \\\n"
    "      --password-env MQTT_PASSWORD --store features --gateway gw-1 --for 7d"
)
@broker_options
@click.option(
    "--root",
    type=Matching("TOPIC", _ROOT),
    default="edge/v1",
    show_default=True,
    help="First levels of the topics.",
)
@click.option(
    "--gateway",
    "gateways",
    type=Matching("NAME", _NAME),
    multiple=True,
    help="Collect from this one; repeatable. All by default.",
)
@click.option(
    "--asset",
    "assets",
    type=Matching("NAME", _NAME),
    multiple=True,
    help="Collect of this one; repeatable. All by default.",
)
@click.option(
    "--store",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder to write to; begun where it is not there.",
)
@click.option("--for", "for_s", type=Duration(), help="End after this time. Never by default.")
@click.option("--messages", type=click.IntRange(1), help="End after so many new messages.")
@click.option(
    "--write-every",
    "write_every_s",
    type=Duration(),
    default="15m",
    show_default=True,
    help="Longest time from a message to its Parquet file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was collected as JSON.")
def collect(
    *,
    root: str,
    gateways: tuple[str, ...],
    assets: tuple[str, ...],
    folder: Path,
    for_s: float | None,
    messages: int | None,
    write_every_s: float,
    as_json: bool,
    **given: Any,
) -> None:
    """Collect gateways' feature messages as training data, and what people said of anomalies.

    Each message once, in Parquet files by gateway, asset and day. A message is acknowledged when
    it is safe on the disk; whoever starts the command again, after whatever end, goes on where it
    was. Gateways publish features where their configuration says `publish.features = true`.
    """
    require_formats("collecting")
    from trainer.collect.collector import Collector, Wanted
    from trainer.collect.connection import ConnectionFailed
    from trainer.collect.journal import JournalError
    from trainer.collect.store import Store, StoreError

    there = broker(**given)
    wanted = Wanted(root, gateways, assets, math.inf if for_s is None else for_s, messages)
    _log_to_stderr()
    with failures(JournalError):
        try:
            with Store(folder, write_every_s=write_every_s) as store:
                collector = Collector(store, there, wanted)
                with _stopped_by_signals(collector.stop), _progress() as progress:
                    collector.run(progress)
        except StoreError as error:
            raise Failure(str(error), os.EX_TEMPFAIL) from error
        except ConnectionFailed as error:
            code = os.EX_NOPERM if error.refused else os.EX_UNAVAILABLE
            raise Failure(str(error), code) from error
    if as_json:
        print_json(collector.counts)
    else:
        click.echo(_said(collector.counts))


def _said(counts: "Counts") -> str:
    return (
        f"{counts.stored} new messages, {counts.labels} labels, {counts.duplicates} known already,"
        f" {counts.rejected} rejected"
    )


@contextmanager
def _progress() -> "Iterator[Callable[[Counts], None]]":
    shown = sys.stderr.isatty()

    def update(counts: "Counts") -> None:
        if shown:
            click.echo(f"\r{_said(counts)}", nl=False, err=True)

    yield update
    if shown:
        click.echo(err=True)


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    def handle(_number: int, _frame: FrameType | None) -> None:
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
