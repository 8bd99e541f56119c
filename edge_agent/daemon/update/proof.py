"""Whether what was taken over runs as it should, and for how long it has."""

from collections.abc import Mapping

from edge_agent.daemon.commissioning.listening import ListeningBundle
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.scoring import Watch
from edge_agent.daemon.scoring_policy import IN_A_ROW
from edge_agent.daemon.update.followers import Followers

BACK_S = 60.0  # an agent with other settings is back by then: devices are opened anew
_WINDOWS = 20  # beyond the washout, of which one at least must have a score
_NOT_WORKING = ("washout", "invalid", "error")  # reasons that are the model's own
_DELIVERING = ("running", "commissioning")
_NOT_BACK = ("starting", "failed", "left_out")


class Proof:
    """Looks at the assets while a hold time runs; on the scoring thread."""

    def __init__(
        self,
        followers: Followers,
        wanted: Mapping[str, str],
        were_well: frozenset[str],
        held_s: float,
        now_s: float,
    ) -> None:
        """Begin.

        Args:
            followers: the assets.
            wanted: sha256 by line.
            were_well: assets that must not fail because settings are others; none: they are not.
            held_s: that it has run before.
            now_s: monotonic.
        """
        self._followers = followers
        self._wanted = wanted
        self._were_well = were_well
        self._back_by_s = now_s + BACK_S
        self._looked_s = now_s
        self._before: dict[str, tuple[AssetRecord, int, int]] = {}
        self.held_s = held_s
        self._assets()

    def look(self, now_s: float) -> str | None:
        """Return what is wrong, None while nothing is; count the time, where all is proven well."""
        watched, unwatched = self._assets()
        records = self._followers.records()
        for name in unwatched:
            record = records.get(name)
            return f"asset {name}: {'not watched' if record is None else record.reason}"
        counts = True
        for name in sorted(self._were_well & records.keys()):
            record = records[name]
            is_back = record.state not in _NOT_BACK
            if not is_back and now_s >= self._back_by_s:
                return f"asset {name} does not work with the settings: {record.reason}"
            counts = counts and is_back
        for name, (watch, sha256) in watched.items():
            fault = self._fault(name, watch, sha256)
            if fault is not None:
                return fault
            counts = counts and self._is_proving(watch)
        if counts:
            self.held_s += now_s - self._looked_s
        self._looked_s = now_s
        return None

    def _assets(self) -> tuple[dict[str, tuple[Watch, str]], list[str]]:
        """Return the assets that follow the lines: watched ones with what they should run."""
        watched, unwatched = {}, []
        for line, sha256 in self._wanted.items():
            for name in self._followers.of(line):
                watch = self._followers.watch_of(name)
                if watch is None:
                    unwatched.append(name)
                    continue
                watched[name] = watch, sha256
                known = self._before.get(name)
                if known is None or known[0] is not watch.record:
                    record = watch.record
                    first = (0, 0) if known is not None else (record.windows, record.scored)
                    self._before[name] = record, *first
        return watched, unwatched

    def _fault(self, name: str, watch: Watch, sha256: str) -> str | None:
        record = watch.record
        if watch.bundle.sha256 != sha256:
            return f"asset {name} is judged by {record.model} instead"
        _, windows, scored = self._before[name]
        came = record.windows - windows
        if came >= IN_A_ROW and record.state == "failed" and watch.policy.has_failed:
            return f"asset {name}: {record.reason}"
        patience = _WINDOWS + watch.bundle.manifest.flow.model.washout_vectors
        if came > patience and record.scored == scored and record.last_reason in _NOT_WORKING:
            return f"asset {name}: none of {came} windows was scored: {record.last_reason}"
        return None

    def _is_proving(self, watch: Watch) -> bool:
        record = watch.record
        has_scored = record.scored > self._before[record.name][2]
        return record.state in _DELIVERING and (
            has_scored or isinstance(watch.bundle, ListeningBundle)
        )
