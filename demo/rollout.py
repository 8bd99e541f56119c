"""The second act: three gateways get their model from an operator, over nothing but the broker."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from demo.agent import Agent, Gateway, running_agent
from demo.broker import HOST
from demo.failure import DemoError
from demo.operator import Operator
from demo.screen import Screen
from demo.versions import as_good, damaged, nervous
from edge_agent.bundle import Bundle

GATEWAYS = ("gw-1", "gw-2", "gw-3")
Maker = Callable[[Bundle, str, Path], Path]

_GROUP = "press-line"
_REFUSED_DATA = 65
_PATIENCE_S = 600.0
_TERMS = ("--hold", "2s", "--min-windows", "20", "--timeout", "15m", "--rate", "600/min")


def roll_out(
    bundle: Bundle, options: Mapping[str, Any], output: Path, port: int, screen: Screen
) -> None:
    """Move a fleet of three to a new version, and show what becomes of bad ones.

    Args:
        bundle: what the first act has trained.
        options: of the simulated sensor of each gateway.
        output: where the gateways' logs go.
        port: of the broker.
        screen: where it is shown.

    Raises:
        DemoError: a piece does not work.
    """
    name = bundle.manifest.name
    screen.line()
    screen.step("rollout", "the same model for a fleet of three; every command as it is typed")
    screen.line()
    with tempfile.TemporaryDirectory(prefix="edge-rollout-demo-") as made, ExitStack() as stack:
        folder = Path(made)
        operator = Operator(folder / "home", screen)
        operator.run("init", "--broker", f"{HOST}:{port}")
        for number, gateway in enumerate(GATEWAYS, 1):
            enrolment = folder / f"{gateway}-enrolment"
            operator.run("enroll", gateway, "--group", _GROUP, "--out", str(enrolment))
            sensor = {**options, "seed": 10 + number}
            watched = Gateway(
                f"bearing-{number}",
                f"line:{name}",
                "simulated",
                sensor,
                name=gateway,
                features=False,
                enrolment=enrolment,
            )
            stack.enter_context(_running(watched, port, folder / gateway, output))
        act = _Act(operator, bundle, folder)
        act.publish(as_good, "1.0.0")
        act.start("1.0.0", "--waves", "100%")
        screen.line()
        act.publish(as_good, "1.1.0")
        act.start("1.1.0", "--waves", "1,100%", "--watch")
        screen.line()
        screen.step("bad", "1.2.0 computes other scores than it was trained to")
        act.publish(damaged, "1.2.0", code=_REFUSED_DATA)
        screen.line()
        screen.step("nervous", "1.3.0 is sound, but calls at nothing: the trial has to find out")
        act.publish(nervous, "1.3.0")
        act.start("1.3.0", "--waves", "1,100%", code=_REFUSED_DATA)
        screen.line()
        screen.step("abort", "1.4.0 is good, but somebody thinks better of it after the first wave")
        act.publish(as_good, "1.4.0")
        with act.starting("1.4.0", "--waves", "1,100%", "--hold", "10s", code=_REFUSED_DATA):
            act.await_first_holding()
            operator.run("abort", "--roll-back")
        screen.line()
        operator.run("gateways")
        act.check_all_run("1.1.0")
        operator.run("log", "--last", "5")


class _Act:
    """Versions of one model, published and rolled out to all."""

    def __init__(self, operator: Operator, bundle: Bundle, folder: Path) -> None:
        self._operator = operator
        self._bundle = bundle
        self._folder = folder

    def publish(self, make: Maker, version: str, code: int = 0) -> None:
        path = make(self._bundle, version, self._folder)
        self._operator.run("publish", str(path), code=code)

    def start(self, version: str, *terms: str, code: int = 0) -> None:
        with self.starting(version, *terms, code=code):
            pass

    @contextmanager
    def starting(self, version: str, *terms: str, code: int = 0) -> Iterator[None]:
        model = f"{self._bundle.manifest.name}@{version}"
        arguments = ("start", model, "--to", f"group={_GROUP}", *_TERMS, *terms)
        with self._operator.running(*arguments, code=code):
            yield

    def await_first_holding(self) -> None:
        """Wait until a gateway runs the model of the rollout under way."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while '"holding"' not in self._operator.ask("status", "--json"):
            if time.monotonic() > deadline_s:
                raise DemoError(f"no gateway runs the new model within {_PATIENCE_S:g} s")
            time.sleep(0.5)

    def check_all_run(self, version: str) -> None:
        """Raise DemoError where a gateway runs another version by its own signed report."""
        for known in json.loads(self._operator.ask("gateways", "--json")):
            found = {running["version"] for running in known["running"].values()}
            if found != {version}:
                raise DemoError(f"{known['gateway']} runs {sorted(found)}, expected: {version}")


@contextmanager
def _running(gateway: Gateway, port: int, folder: Path, output: Path) -> Iterator[Agent]:
    folder.mkdir()
    with running_agent(gateway, port, folder, output / f"{gateway.name}.log") as agent:
        yield agent
