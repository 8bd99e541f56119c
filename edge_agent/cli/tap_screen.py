"""What ``edge-agent tap`` draws: a line per asset, and the last events; no terminal is touched."""

import time
from collections import deque
from dataclasses import dataclass, field

from edge_agent.daemon.local.messages import AssetSeen, Said, WindowSeen, WindowsLost

_HISTORY = 240
_EVENTS = 5
_STEPS = "▁▂▃▄▅▆▇█"
_AT_THRESHOLD = 6  # of the eight steps: what is abnormal fills the upper two
_NOT_SCORED = "·"
_BAR_AT_THRESHOLD = 0.75  # of the bar's length
_NUMBERS_FROM = 110  # columns: below, the history needs the room more
_NAME_MAX = 24
_NAMED = 3
_WIDE = 99.995  # beyond, two decimals do not fit
_RED, _YELLOW, _DIM, _BOLD, _PLAIN = "\x1b[31;1m", "\x1b[33m", "\x1b[2m", "\x1b[1m", "\x1b[0m"


@dataclass(slots=True)
class _Row:
    seen: AssetSeen
    window: WindowSeen | None = None
    history: deque[float | None] = field(default_factory=lambda: deque(maxlen=_HISTORY))


class TapScreen:
    """Remembers what came and lays it out."""

    def __init__(self, gateway: str, *, colours: bool) -> None:
        """Begin with nothing; ``colours`` are ANSI sequences."""
        self._gateway = gateway
        self._colours = colours
        self._rows: dict[str, _Row] = {}
        self._events: deque[str] = deque(maxlen=_EVENTS)
        self._lost = 0

    def note(self, said: Said) -> None:
        """Take note of what the agent said."""
        match said:
            case AssetSeen():
                if said.asset not in self._rows and said.opened is not None:
                    self._events.append(f"{said.opened[11:19]} {said.asset}: anomaly opened")
                row = self._rows.setdefault(said.asset, _Row(said))
                row.seen = said
                if said.state != "running":
                    row.window = None
            case WindowSeen():
                row = self._rows[said.asset]
                row.window = said
                row.history.append(ratio_of(said))
                if said.event is not None:
                    self._events.append(event_line(said))
            case WindowsLost():
                self._lost += said.windows

    def lines(self, width: int, height: int, now: time.struct_time) -> list[str]:
        """Return at most ``height`` lines of at most ``width`` columns, colours not counted."""
        rows = list(self._rows.values())
        spare = min(len(self._events), height - len(rows) - 3)
        events = list(self._events)[-spare:] if spare > 0 else []
        room = height - 2 - (len(events) + 1 if events else 0)
        hidden: list[_Row] = []
        if len(rows) > room:
            rows.sort(key=lambda row: not _alarm(row))  # stable: else as configured
            rows, hidden = rows[: max(0, room - 1)], rows[max(0, room - 1) :]
        longest = max(map(len, self._rows), default=5)
        name_width = min(_NAME_MAX, max(8, width // 4), longest)
        out = [self._head(width, now), self._titles(width, name_width)]
        out += [self._row(row, width, name_width) for row in rows]
        if hidden:
            alarms = sum(map(_alarm, hidden)) or "none"
            more = f"and {len(hidden)} more, {alarms} of them in alarm"
            out.append(self._painted(_DIM, more[:width]))
        if events:
            out += ["", *(line[:width] for line in events)]
        return out[:height]

    def _head(self, width: int, now: time.struct_time) -> str:
        rows = self._rows.values()
        alarms = sum(_alarm(row) for row in rows)
        silent = sum(row.seen.state != "running" for row in rows)
        text = f"{self._gateway}: {len(rows)} asset{'' if len(rows) == 1 else 's'}, "
        text += f"{alarms or 'none'} in alarm"
        text += f", {silent} not watched" if silent else ""
        text += f", {self._lost} windows not shown" if self._lost else ""
        clock = time.strftime("%H:%M:%S UTC", now)
        room = max(0, width - len(clock) - 1)
        text = f"{text[:room]:<{room}} {clock}"
        return self._painted(_RED if alarms else _BOLD, text[:width])

    def _titles(self, width: int, name_width: int) -> str:
        bar = _bar_width(width)
        numbers = f"  {'score':>9} {'threshold':>9}" if width >= _NUMBERS_FROM else ""
        over = (
            f"{'asset':<{name_width}}  {'':5}  {'score / threshold':<{bar + 6}}{numbers}  history"
        )
        return self._painted(_DIM, over[:width])

    def _row(self, row: _Row, width: int, name_width: int) -> str:
        name = f"{row.seen.asset[:name_width]:<{name_width}}"
        if row.seen.state != "running":
            why = f": {row.seen.reason}" if row.seen.reason else ""
            text = f"{name}  {row.seen.state.replace('_', ' ')}{why}"
            return self._painted(_YELLOW, text[:width])
        alarm = "ALARM" if _alarm(row) else "     "
        seen: WindowSeen | AssetSeen = row.window or row.seen
        ratio, bar_width = ratio_of(seen), _bar_width(width)
        if ratio is None:
            bar = f"{(seen.reason or 'no window yet')[:bar_width]:<{bar_width}} {'':5}"
        else:
            bar = f"{bar_of(ratio, bar_width)} {min(ratio, 9999.0):5.{2 if ratio < _WIDE else 0}f}"
        numbers = ""
        if width >= _NUMBERS_FROM:
            numbers = f"  {_number(seen.score):>9} {_number(seen.threshold):>9}"
        left = f"{name}  {alarm}  {bar}{numbers}  "[:width]
        room = width - len(left)
        history = list(row.history)[-room:] if room else []
        spark = "".join(map(spark_of, history))
        if not self._colours:
            return left + spark
        painted = "".join(
            f"{_RED}{step}{_PLAIN}" if ratio is not None and ratio > 1.0 else step
            for step, ratio in zip(spark, history, strict=True)
        )
        return (f"{_RED}{left}{_PLAIN}" if _alarm(row) else left) + painted

    def _painted(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._colours else text


def ratio_of(seen: WindowSeen | AssetSeen) -> float | None:
    """Return the larger of both detectors' score / threshold; None where none has scored."""
    pairs = ((seen.score, seen.threshold), (seen.level_score, seen.level_threshold))
    ratios = [score / limit for score, limit in pairs if score is not None and limit]
    return max(ratios, default=None)


def bar_of(ratio: float, width: int) -> str:
    """Return a bar in which a mark stands where the threshold is."""
    mark = round(_BAR_AT_THRESHOLD * width)
    filled = min(width, max(0, round(ratio * _BAR_AT_THRESHOLD * width)))
    cells = ["█" if i < filled else "░" for i in range(width)]
    cells[min(mark, width - 1)] = "┃" if ratio <= 1.0 else "╂"
    return "".join(cells)


def spark_of(ratio: float | None) -> str:
    """Return one character of the history."""
    if ratio is None:
        return _NOT_SCORED
    if ratio > 1.0:
        return _STEPS[_AT_THRESHOLD + (ratio > 1.0 / _BAR_AT_THRESHOLD)]
    return _STEPS[min(_AT_THRESHOLD - 1, max(0, int(ratio * _AT_THRESHOLD)))]


def event_line(window: WindowSeen) -> str:
    """Return what a window changed of an anomaly."""
    done = {"open": "opened", "update": "grew worse", "close": "closed"}[window.event or "open"]
    named = ", ".join(f"{share.name} {share.share:.0%}" for share in window.features[:_NAMED])
    severity = "" if window.severity is None else f", severity {window.severity:.2f}"
    mostly = f", mostly {named}" if named else ""
    return f"{window.end[11:19]} {window.asset}: anomaly {done}{severity}{mostly}"


def line_of(said: Said) -> str:
    """Return one line for where no screen can be drawn."""
    match said:
        case WindowSeen():
            if said.event is not None:
                return event_line(said)
            ratio = ratio_of(said)
            judged = said.reason or "not scored" if ratio is None else f"{ratio:.2f} of threshold"
            alarm = ", ALARM" if said.anomaly else ""
            return f"{said.end[11:19]} {said.asset}: window {said.index}: {judged}{alarm}"
        case AssetSeen():
            why = f": {said.reason}" if said.reason else ""
            return f"{said.asset}: {said.state.replace('_', ' ')}{why}"
        case WindowsLost():
            return f"{said.windows} windows not shown: the reader is too slow"
        case _:
            return ""


def _alarm(row: _Row) -> bool:
    return row.seen.anomaly if row.window is None else row.window.anomaly


def _bar_width(width: int) -> int:
    return max(8, min(30, width // 4))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
