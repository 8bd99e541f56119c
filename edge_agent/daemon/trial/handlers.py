"""The commands about trials."""

from collections.abc import Callable

import msgspec

from edge_agent.daemon.commands.bus import Bus, Respond
from edge_agent.daemon.commands.requests import Trial, TrialStatus, done, refused
from edge_agent.daemon.trial.report import TrialReport
from edge_agent.daemon.trial.trials import TrialRefusedError, Trials


def register_trials(
    bus: Bus, trials: Trials, in_background: Callable[[Callable[[], None]], None]
) -> None:
    """Let ``bus`` start, stop and tell of trials; what changes one is on the disk when answered."""

    def change(command: Trial, respond: Respond) -> None:
        try:
            if command.action == "stop":
                report = trials.stop(command.asset)
            else:
                file, windows = command.bundle or "", command.windows
                report = trials.start(command.asset, file, windows, by=command.by)
        except TrialRefusedError as error:
            respond(refused(str(error)))
            return
        in_background(lambda: respond(done(trial=_plain(report))))

    def tell(command: TrialStatus, respond: Respond) -> None:
        try:
            respond(done(trial=_plain(trials.report(command.asset))))
        except TrialRefusedError as error:
            respond(refused(str(error)))

    bus.register(Trial, change)
    bus.register(TrialStatus, tell)


def _plain(report: TrialReport) -> object:
    return msgspec.to_builtins(report)
