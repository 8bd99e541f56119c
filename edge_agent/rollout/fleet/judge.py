"""What a verified report means for a rollout: the one place that says what success is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from edge_agent.rollout.fleet.states import Before, RanBefore
from edge_agent.rollout.messages import (
    UNSUCCESSFUL,
    RemoteSettings,
    Report,
    RunningModel,
)

Judged = Literal["working", "holding", "succeeded", "failed"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far a gateway is.

    Attributes:
        judged: ``holding``: it runs what it should, but not yet for long enough.
        reason: why it failed, or what is still missing.
    """

    judged: Judged
    reason: str | None = None


def judge(
    report: Report,
    wanted: Mapping[str, str],
    settings: RemoteSettings | None,
    hold_s: float,
) -> Verdict:
    """Judge a report that answers the order in question.

    Success is: active, every asset of every wanted line running exactly the wanted bytes, the
    settings in force, and all that for ``hold_s``. A gateway that says it is active while other
    bytes run is waited for, and will time out: it has not failed, and it has not succeeded.

    Args:
        report: its signature, number and order have been checked.
        wanted: sha256 of what each line shall run.
        settings: that shall be in force; None: whichever.
        hold_s: seconds that it must have run.
    """
    if report.state in UNSUCCESSFUL:
        return Verdict("failed", f"{report.state}: {report.reason or 'no reason given'}")
    if report.state != "active":
        return Verdict("working", report.reason)
    missing = next(_missing(report, wanted, settings), None)
    if missing is not None:
        return Verdict("working", f"active, but {missing}")
    if report.held_s is None or report.held_s < hold_s:
        return Verdict("holding", f"it has run for {report.held_s or 0.0:.0f} of {hold_s:.0f} s")
    return Verdict("succeeded")


def _missing(
    report: Report, wanted: Mapping[str, str], settings: RemoteSettings | None
) -> Iterator[str]:
    for line, sha256 in wanted.items():
        following = assets_of(report, line)
        if not following:
            yield f"no asset follows line {line}"
        for asset, running in following.items():
            if running.sha256 != sha256:
                found = f"{running.name} {running.version}" if running.name else "nothing"
                yield f"{asset} runs {found} ({(running.sha256 or '-')[:12]})"
    if settings is not None and (report.settings or RemoteSettings()) != settings:
        yield "other settings are in force"


def assets_of(report: Report, line: str) -> dict[str, RunningModel]:
    """Return what judges the assets that follow ``line``."""
    return {asset: running for asset, running in report.running.items() if running.line == line}


def before_of(report: Report, wanted: Mapping[str, str]) -> Before:
    """Return what a gateway ran of the ``wanted`` lines, each with one model."""
    models = {}
    for line in wanted:
        ran = {(run.name, run.version, run.sha256) for run in assets_of(report, line).values()}
        name, version, sha256 = ran.pop() if len(ran) == 1 else (None, None, None)
        if name is not None and version is not None and sha256 is not None:
            models[line] = RanBefore(name=name, version=version, sha256=sha256)
    return Before(models=models, settings=report.settings)
