"""What turns a command for one recording into the same command for many."""

import functools
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from glob import has_magic
from pathlib import Path
from typing import Any

import click
import msgspec
from click.core import ParameterSource

from edge_agent.disk import replace_file
from trainer.cli.output import print_json
from trainer.cli.requirements import require_folder
from trainer.failures import Failure, failures
from trainer.fleet import (
    Asset,
    FleetError,
    Job,
    Outcome,
    Summary,
    matching_assets,
    read_assets,
    run_local,
)
from trainer.spark import SparkUnavailableError, require_spark, run_spark

Plan = Callable[[Sequence[Asset], Path], Sequence[Job]]
Command = Callable[..., None]

# Of one asset, and said of it in the fleet's file under these names.
_OF_A_RECORDING = ("channels", "rate_hz", "unit", "decimate", "window", "hop")
_OF_THE_FLEET = ("assets", "engine", "master", "out", "as_json")


def fleet_options(plan: Plan, *needed: str, pattern: bool = False) -> Callable[[Command], Command]:
    """Add ``--assets``, ``--engine`` and ``--master``, and run the fleet where they say one.

    Args:
        plan: makes the jobs.
        needed: options that one recording needs.
        pattern: whether ``--data`` may match many recordings too.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def call(
            *, assets: Path | None, engine: str | None, master: str | None, **given: Any
        ) -> None:
            context = click.get_current_context()
            matched = pattern and _is_pattern(given["data"])
            if assets is None and not matched:
                _require_one(context, engine, master, needed)
                command(**given)
                return
            if master is not None and engine != "spark":
                raise Failure("--master is for --engine spark", os.EX_USAGE)
            with failures(), _fleet_failures():
                found, folder = _assets(context, assets, given), given["out"]
                _require_room(folder)
                jobs = plan(found, folder)
                if engine == "spark":
                    require_spark()
                folder.mkdir(exist_ok=True)
                summary = _run(jobs, engine or "local", master, folder)
            _show(summary, as_json=given["as_json"])

        for option in _OPTIONS:
            call = option(call)
        return call

    return decorate


_OPTIONS = (
    click.option("--master", help="Spark master's URL; what spark-submit says, or all of here."),
    click.option(
        "--engine",
        type=click.Choice(["local", "spark"]),
        help="For many assets: one after the other here (the default), or side by side on Apache"
        " Spark. The results are the same.",
    ),
    click.option(
        "--assets",
        type=click.Path(path_type=Path, dir_okay=False),
        help="TOML file of many assets in place of --data and all options about it; --out is then"
        " a folder, and what is in it already is not made again. An asset that fails does not end"
        " the others: the exit code is 65 then.",
    ),
)


@contextmanager
def _fleet_failures() -> Iterator[None]:
    try:
        yield
    except FleetError as error:
        raise Failure(str(error), os.EX_CONFIG) from error
    except SparkUnavailableError as error:
        raise Failure(str(error), os.EX_UNAVAILABLE) from error


def _is_pattern(data: Path | None) -> bool:
    return data is not None and has_magic(str(data)) and not data.exists()


def _require_one(
    context: click.Context, engine: str | None, master: str | None, needed: Sequence[str]
) -> None:
    if engine is not None or master is not None:
        raise Failure("--engine and --master are for many assets: see --assets", os.EX_USAGE)
    for parameter in context.command.params:
        if parameter.name in needed and not context.params[parameter.name]:
            raise click.MissingParameter(ctx=context, param=parameter)


def _assets(context: click.Context, file: Path | None, given: dict[str, Any]) -> tuple[Asset, ...]:
    if file is None:
        shared = {name: given[name] for name in _OF_A_RECORDING}
        return matching_assets(str(given["data"]), shared | {"recipe": given["recipe_name"]})
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name not in _OF_THE_FLEET and source is ParameterSource.COMMANDLINE:
            raise Failure(
                f"{parameter.opts[0]} is not for --assets: what is said of an asset is in {file}",
                os.EX_USAGE,
            )
    return read_assets(file)


def _require_room(folder: Path) -> None:
    require_folder(folder)
    if folder.is_file():
        raise Failure(f"{folder}: is a file, allowed: a folder for many assets", os.EX_USAGE)


def _run(jobs: Sequence[Job], engine: str, master: str | None, folder: Path) -> Summary:
    began_s = time.perf_counter()
    outcomes: list[Outcome] = []
    shown = sys.stderr.isatty()

    def ended(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if shown:
            failed = sum(o.status == "failed" for o in outcomes)
            text = f"\r{len(outcomes)} of {len(jobs)} assets, {failed} failed"
            click.echo(text, nl=len(outcomes) == len(jobs), err=True)

    if engine == "spark":
        run_spark(jobs, ended, master, folder / "spark.log")
    else:
        run_local(jobs, ended)
    seconds = time.perf_counter() - began_s
    summary = Summary.of(engine, seconds, (job.asset for job in jobs), outcomes)
    encoded = msgspec.json.format(msgspec.json.encode(summary))
    replace_file(folder / "summary.json", encoded + b"\n")
    return summary


def _show(summary: Summary, *, as_json: bool) -> None:
    if as_json:
        print_json(summary)
    else:
        width = max(len(outcome.asset) for outcome in summary.outcomes)
        for outcome in summary.outcomes:
            click.echo(f"{outcome.asset:<{width}}  {outcome.status:<9}  {_found(outcome)}")
        click.echo(
            f"{len(summary.outcomes)} assets in {summary.seconds:.1f} s ({summary.engine}):"
            f" {summary.done} done, {summary.unchanged} unchanged, {summary.failed} failed"
        )
    if summary.failed:
        raise Failure(f"{summary.failed} of {len(summary.outcomes)} assets failed", os.EX_DATAERR)


def _found(outcome: Outcome) -> str:
    result = outcome.result
    if result is None:
        return outcome.reason or ""
    text = f"{result.windows} windows"
    if result.alarms_in_healthy is None:
        return text
    first = "none" if result.first_alarm is None else f"in window {result.first_alarm}"
    return f"{text}, {result.alarms_in_healthy} alarms in the healthy part, first after it: {first}"
