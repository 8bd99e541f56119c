"""The demonstration from beginning to end."""

import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from demo.agent import GATEWAY, ROOT, Agent, Gateway, running_agent
from demo.broker import Broker, running_broker
from demo.failure import DemoError
from demo.journal import Journal, Placed
from demo.lines import event_line, heading, note_line, score_text, status_lines
from demo.picture import draw
from demo.rollout import roll_out
from demo.screen import Screen
from demo.story import Story
from demo.subscriber import Received, Subscriber, subscribed
from demo.summary import outcome, summary
from demo.times import duration, position
from demo.training import Trained, train
from edge_agent.daemon.messages import Score
from edge_agent.daemon.status_message import Status

ASSET = "bearing-1"
_TICK_S = 0.2
_SILENCE_S = 180.0
_LAST_S = 3.0  # so long is it silent after the last message

Teller = Callable[[Path, Screen], Story]


def play(tell: Teller, output: Path, screen: Screen, *, embedded: bool) -> bool:
    """Train, watch, sum up, draw, roll out; return whether the damage was heard of.

    Args:
        tell: makes the story; gets a folder for files that are not needed afterwards.
        output: where the results go.
        screen: where it is shown.
        embedded: take the embedded broker in any case.

    Raises:
        DemoError: a piece does not work.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DemoError(f"{output}: {error.strerror}") from error
    with tempfile.TemporaryDirectory(prefix="edge-agent-demo-") as folder, ExitStack() as stack:
        temporary = Path(folder)
        broker = stack.enter_context(
            running_broker(temporary, output / "broker.log", embedded=embedded)
        )
        screen.step("broker", f"{broker.name} on port {broker.port} of this machine")
        story = tell(temporary, screen)
        screen.step("story", story.title)
        first, last = story.healthy
        screen.step("healthy", f"windows {first}:{last}, {story.healthy_because}")
        screen.step("training", f"edge-trainer train --recipe default --healthy {first}:{last} ...")
        trained = train(story, ASSET, output, screen)
        screen.step("", _described(trained))
        topics = f"{ROOT}/{GATEWAY}/#"
        subscriber = stack.enter_context(subscribed(broker.port, topics))
        screen.step(
            "watching", f"edge-agent run on windows {story.first}:{story.end}, {_pace(story)}"
        )
        screen.step("", f"what follows is what a subscriber of {topics} receives")
        screen.line()
        log = output / "agent.log"
        gateway = Gateway(ASSET, str(trained.path.absolute()), story.sensor, story.options)
        agent = stack.enter_context(running_agent(gateway, broker.port, temporary, log))
        journal = _watch(story, agent, subscriber, broker, screen)
        heard = _conclude(journal, trained, output, screen)
        if story.undamaged is not None:
            roll_out(trained.bundle, story.undamaged, output, broker.port, screen)
    return heard


def _watch(
    story: Story, agent: Agent, subscriber: Subscriber, broker: Broker, screen: Screen
) -> Journal:
    """Show what is received until the last window was; then stop the agent."""
    journal = Journal(story)
    show = _Show(story, screen)
    screen.line(heading())
    heard_s = time.monotonic()
    while True:
        broker.check()
        agent.check()
        received = subscriber.get(_TICK_S)
        silent_s = time.monotonic() - heard_s
        if received is not None:
            heard_s = time.monotonic()
            show.take(journal, received)
        elif silent_s > _LAST_S and (show.data_have_ended or len(journal.scores) == story.windows):
            break
        elif silent_s > _SILENCE_S:
            raise DemoError(f"nothing was received for {_SILENCE_S:g} s (see {agent.log})")
    agent.stop()
    for received in subscriber.rest():
        show.take(journal, received)
    return journal


class _Show:
    """Prints what is new."""

    def __init__(self, story: Story, screen: Screen) -> None:
        self._story = story
        self._screen = screen
        self._notes = deque(story.notes)
        self._status: Status | None = None

    @property
    def data_have_ended(self) -> bool:
        """The sensor has delivered everything, says the gateway."""
        assets = () if self._status is None else self._status.assets
        return any(asset.state == "ended" for asset in assets)

    def take(self, journal: Journal, received: Received) -> None:
        for entry in journal.take(received):
            if isinstance(entry, Status):
                for line in status_lines(entry, self._status):
                    self._screen.line(line)
                self._status = entry
            elif isinstance(entry, Placed):
                self._screen.line(event_line(entry, self._story))
            else:
                self._judged(entry)

    def _judged(self, score: Score) -> None:
        window = self._story.first + score.index
        while self._notes and self._notes[0].window <= window:
            note = self._notes.popleft()
            self._screen.line(note_line(note.window, note.text, self._story))
        self._screen.progress(score_text(window, score, self._story))


def _conclude(journal: Journal, trained: Trained, output: Path, screen: Screen) -> bool:
    picture = output / "picture.png"
    draw(journal, picture)
    screen.line()
    for name, text in summary(journal):
        screen.step(name, text)
    screen.step("picture", str(picture))
    screen.step("report", f"{trained.report}, of the training")
    return outcome(journal).found is not None


def _described(trained: Trained) -> str:
    manifest = trained.bundle.manifest
    flow, size = manifest.flow, manifest.members["model.tflite"].size
    return (
        f"{duration(trained.took_s)}: {trained.path.name}, {len(flow.feature_names)} features,"
        f" {flow.model.family} of {size / 1024:.1f} KiB,"
        f" threshold {flow.threshold.value:.3g}"
    )


def _pace(story: Story) -> str:
    if not story.speedup:
        return "as fast as it goes"
    begin = "" if story.onset is None else f", damage from {position(story.onset, story.period_s)}"
    return f"{duration(story.speedup)} a second{begin}"
