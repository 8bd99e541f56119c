"""Where an update stands, kept so that the agent goes on from there whenever it was ended.

One file, ``{state_dir}/update/journal.json``, written by whoever holds the agent's lock.
"""

import contextlib
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.disk import DISK, Disk, write_durably
from edge_agent.rollout.install.states import check_step
from edge_agent.rollout.messages import Count, Desire, Moment, Order, UpdateState

FILE = "journal.json"
FORMAT = 1
HISTORY = 50


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the past.

    Attributes:
        at: when, by the gateway's clock.
        state: that was entered.
        reason: why.
        answers: order of the desire it was about.
        models: what it was about, as ``press: bearing 1.4.0``.
    """

    at: Moment
    state: UpdateState
    reason: str | None = None
    answers: Order | None = None
    models: tuple[str, ...] = ()


class TrialEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How the trial of one asset ended, as its report said."""

    verdict: str
    reasons: tuple[str, ...]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where the update stands.

    Attributes:
        format: of this struct.
        state: see UpdateState.
        reason: why it is so.
        since: when the state was entered.
        order: of the newest desire that was ever believed: no older one is.
        desire: the one that the state is about.
        staged: folder of each line's new model.
        replaced: folder that each line used when the commit began; None: nothing.
        trials: how the trials ended, by asset.
        held_s: seconds that the new models have run without a fault; None: they do not run.
        starts: of the agent since they took over, that did not end as they should.
        number: of the last report.
        warnings: what will be wrong soon, of the last time that the metadata were looked at.
        history: the last steps, oldest first.
    """

    format: int = FORMAT
    state: UpdateState = "idle"
    reason: str | None = None
    since: Moment | None = None
    order: Order | None = None
    desire: Desire | None = None
    staged: dict[str, str] = {}
    replaced: dict[str, str | None] = {}
    trials: dict[str, TrialEnd] = {}
    held_s: float | None = None
    starts: Count = 0
    number: Count = 0
    warnings: tuple[str, ...] = ()
    history: tuple[Entry, ...] = ()


class Journal:
    """The standing in memory and on the disk.

    Attributes:
        standing: as it is.
        lost: why what was kept cannot be read; the standing then begins anew.
    """

    def __init__(self, folder: Path, disk: Disk = DISK) -> None:
        """Read what is kept in ``folder``, ``{state_dir}/update``, which need not be there yet."""
        self._file = folder / FILE
        self._disk = disk
        self.lost: str | None = None
        self.standing = self._read()

    def _read(self) -> Standing:
        try:
            standing = msgspec.json.decode(self._file.read_bytes(), type=Standing)
        except FileNotFoundError:
            return _begin()
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            self.lost = f"{self._file}: {error}"
            return _begin()
        if standing.format != FORMAT:
            self.lost = f"{self._file}: format {standing.format}, allowed: {FORMAT}"
            return _begin()
        return standing

    def enter(self, state: UpdateState, reason: str | None = None, **changes: Any) -> Standing:  # noqa: ANN401 - fields of a struct
        """Go on to ``state``; ``changes`` are those of other fields of the standing.

        Raises:
            StateError: the state may not follow, or lacks its reason.
            OSError: the disk is full, or not writable: the standing is as it was.
        """
        check_step(self.standing.state, state, reason)
        at = datetime.now(UTC)
        after = msgspec.structs.replace(
            self.standing, **{**changes, "state": state, "reason": reason, "since": at}
        )
        desire = after.desire
        entry = Entry(
            at=at,
            state=state,
            reason=reason,
            answers=None if desire is None else desire.order,
            models=()
            if desire is None
            else tuple(f"{m.line}: {m.name} {m.version}" for m in desire.models),
        )
        history = (*after.history, entry)[-HISTORY:]
        return self._keep(msgspec.structs.replace(after, history=history))

    def note(self, **changes: Any) -> Standing:  # noqa: ANN401 - fields of a struct
        """Keep something else about the state that it is in. Raises OSError as ``enter``."""
        return self._keep(msgspec.structs.replace(self.standing, **changes))

    def next_number(self) -> int:
        """Return the number of the next report, which is never given out again. Raises OSError."""
        return self.note(number=self.standing.number + 1).number

    def _keep(self, standing: Standing) -> Standing:
        if self.lost is not None:
            with contextlib.suppress(FileNotFoundError):
                self._disk.rename(self._file, self._file.with_name(f"{FILE}.damaged"))
            self.lost = None
        write_durably(self._file, msgspec.json.encode(standing), disk=self._disk)
        self.standing = standing
        return standing


def _begin() -> Standing:
    """Begin anew; numbers of reports go on above those of a life that is forgotten."""
    return Standing(number=int(time.time()))
