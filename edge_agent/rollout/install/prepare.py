"""From a desire to models that lie verified beside what runs; see ``orders`` for both ends of it.

This module does it in a process of its own. Nothing
that runs is touched: what is staged is used when the agent has tried it.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from tuf.api.exceptions import DownloadError
from tuf.ngclient import FetcherInterface

from edge_agent.disk import DISK, Disk
from edge_agent.rollout.enrolment import ROOT_FILE, Enrolment, EnrolmentError, read_enrolment
from edge_agent.rollout.install.accept import DisbeliefError, UnacceptableError, accept, believe
from edge_agent.rollout.install.examine import ExaminationError, examine
from edge_agent.rollout.install.fetch import Deadline, FolderFetcher, RetainedFetcher, WebFetcher
from edge_agent.rollout.install.limit import ended_after
from edge_agent.rollout.install.orders import Outcome, Prepare, Progress, Said
from edge_agent.rollout.install.place import Lines, Placed, PlaceError
from edge_agent.rollout.install.reporting import Reporting
from edge_agent.rollout.install.sign import read_signer
from edge_agent.rollout.install.turn import BusyError, one_at_a_time
from edge_agent.rollout.install.verify import Verifier, VerifyError, kept_operators
from edge_agent.rollout.messages import Desire, WantedModel
from edge_agent.rollout.mqtt import BrokerError, connected

Say = Callable[[Progress], object]


def prepare(order: Prepare, say: Say, disk: Disk = DISK) -> Outcome:
    """Verify and place what a desire asks for.

    Args:
        order: see there.
        say: told of every state that is entered.
        disk: where models and trusted metadata are kept.
    """
    folder = Path(order.enrolment)
    try:
        enrolment = read_enrolment(folder, order.gateway)
        reporting = Reporting(order.report, read_signer(folder, enrolment))
        bootstrap = (folder / ROOT_FILE).read_bytes()
    except (EnrolmentError, OSError) as error:
        return Outcome(state=None, reason=str(error))
    return _Preparation(order, enrolment, bootstrap, reporting, say, disk).run()


class _Preparation:
    """One attempt."""

    def __init__(
        self,
        order: Prepare,
        enrolment: Enrolment,
        bootstrap: bytes,
        reporting: Reporting,
        say: Say,
        disk: Disk,
    ) -> None:
        self._order = order
        self._enrolment = enrolment
        self._bootstrap = bootstrap
        self._reporting = reporting
        self._say = say
        self._disk = disk
        state_dir = Path(order.state_dir)
        self._update = state_dir / "update"
        self._lines = Lines(state_dir / "models", disk)
        self._deadline = Deadline(order.timeout_s)
        self._desire: Desire | None = None
        self._warnings: list[str] = []

    def run(self) -> Outcome:
        """Do it, and put into words what came of it."""
        reporting = self._reporting
        try:
            with one_at_a_time(self._update, self._disk), self._repository() as fetcher:
                staged = self._stage(fetcher)
        except DisbeliefError as error:
            return reporting.disbelieved(str(error), self._warnings)
        except (UnacceptableError, ExaminationError, PlaceError) as error:
            return reporting.ended("rejected", str(error), self._desire, self._warnings)
        except VerifyError as error:
            return self._failed(str(error), again=error.again)
        except (BrokerError, DownloadError, BusyError) as error:
            return self._failed(str(error))
        except OSError as error:
            return self._failed(f"disk: {error}")
        return reporting.staged(staged, self._desire, self._warnings)

    def _failed(self, reason: str, *, again: bool = True) -> Outcome:
        """Fail; whose desire it is that cannot be followed is told by what was trusted before."""
        if self._desire is None:
            operators = kept_operators(self._update)
            if operators is None:
                return self._reporting.disbelieved(reason, self._warnings, again=again)
            order = self._order
            try:
                self._desire = believe(
                    order.desire, operators, order.gateway, order.newest, order.known
                )
            except DisbeliefError as error:
                said = f"{error}; {reason}"
                return self._reporting.disbelieved(said, self._warnings, again=again)
        return self._reporting.ended("failed", reason, self._desire, self._warnings, again=again)

    def _stage(self, fetcher: FetcherInterface) -> dict[str, str]:
        order = self._order
        verifier = Verifier(
            self._update, self._bootstrap, self._enrolment.enrolled, fetcher, self._disk
        )
        synchronised = order.report.time_quality == "synchronised"
        self._warnings.extend(verifier.refresh(synchronised=synchronised))
        operators = verifier.operators()
        desire = believe(order.desire, operators, order.gateway, order.newest, order.known)
        self._desire = desire
        running = {model.line: self._running(model.line) for model in desire.models}
        accept(
            desire,
            max(datetime.now(UTC), verifier.floor),
            {asset.line for asset in order.assets},
            running,
            self._enrolment.floors,
            begun=desire == order.known,
        )
        self._say(self._reporting.progress("downloading", desire, self._warnings))
        fetched = [(model, self._fetch(verifier, model)) for model in desire.models]
        self._say(self._reporting.progress("verifying", desire, self._warnings))
        for model, content in fetched:
            self._examine(model, content)
        return {model.line: self._place(model, content) for model, content in fetched}

    def _fetch(self, verifier: Verifier, model: WantedModel) -> bytes | None:
        """Return a model's file; None where it runs already."""
        if self._runs(model):
            return None
        target = verifier.target(model.target)
        if target is None:
            raise VerifyError(f"{model.target} is not among the targets of the repository")
        found = target.hashes.get("sha256"), target.length
        if found != (model.sha256, model.length):
            raise UnacceptableError(
                f"{model.target}: sha256 {str(found[0])[:12]} of {found[1]} bytes in the"
                f" repository, wanted: {model.sha256[:12]} of {model.length}"
            )
        placed = Placed.of(model)
        if self._lines.is_whole(model.line, placed.folder):
            content = self._lines.model_file(model.line, placed.folder).read_bytes()
            if self._lines.placed(model.line, placed.folder) == placed:
                return content
        return verifier.fetch(target)

    def _examine(self, model: WantedModel, content: bytes | None) -> None:
        if content is not None:
            assets = [asset for asset in self._order.assets if asset.line == model.line]
            self._warnings.extend(examine(content, model, assets))

    def _place(self, model: WantedModel, content: bytes | None) -> str:
        placed = Placed.of(model)
        if content is None:
            return placed.folder
        self._lines.drop_unused(model.line, keep=(placed.folder,))
        return self._lines.place(model.line, placed, content)

    def _runs(self, model: WantedModel) -> bool:
        return self._running(model.line) == Placed.of(model) and self._lines.is_whole(
            model.line, Placed.of(model).folder
        )

    def _running(self, line: str) -> Placed | None:
        try:
            folder = self._lines.current(line)
        except PlaceError:
            return None  # no name of a line: refused as one that nobody follows
        return None if folder is None else self._lines.placed(line, folder)

    @contextmanager
    def _repository(self) -> Iterator[FetcherInterface]:
        order = self._order
        if order.folder is not None:
            yield FolderFetcher(Path(order.folder), self._deadline)
        elif order.url is not None:
            yield WebFetcher(order.url, self._deadline)
        elif order.broker is not None:
            with connected(order.broker, f"edge-update-{order.gateway}") as client:
                yield RetainedFetcher(client, order.broker.root, self._deadline)
        else:
            raise VerifyError("no broker, folder or url to fetch from", again=False)


def main() -> None:
    """Do the order on standard input."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Prepare)

    def say(said: Said) -> None:
        sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
        sys.stdout.buffer.flush()

    # The last resort, later than the deadline that says more: it may strike anywhere.
    with ended_after(order.timeout_s + 1):
        outcome = prepare(order, say)
    say(outcome)


if __name__ == "__main__":
    main()
