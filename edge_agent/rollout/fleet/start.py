"""Making a plan from what an operator asks for."""

import re
from dataclasses import dataclass
from datetime import datetime

from edge_agent.rollout.fleet.desk import Desk
from edge_agent.rollout.fleet.plan import Limit, Plan, PlanError, divide
from edge_agent.rollout.fleet.progress import begin
from edge_agent.rollout.fleet.states import Progress
from edge_agent.rollout.messages import RemoteSettings, Terms, WantedModel
from edge_agent.rollout.repository.repository import Repository

_ID_LENGTH = 48


class OverlapError(Exception):
    """Another rollout has not ended for some of the gateways."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A rollout as it is asked for; see Plan.

    Attributes:
        model: ``NAME@VERSION``; None where only settings change.
        line: whose assets shall run it; None: the one called like the model.
        to: see Inventory.select.
        waves: see ``parse_waves``.
        limits: see Plan.
        rate_per_min: see Plan.
        terms: see Plan.
        settings: see Plan.
        by: who asks.
    """

    model: str | None
    line: str | None
    to: tuple[str, ...]
    waves: tuple[tuple[int, bool], ...]
    limits: tuple[Limit, ...]
    rate_per_min: float
    terms: Terms
    settings: RemoteSettings | None
    by: str


def start(desk: Desk, asked: Asked, now: datetime) -> Progress:
    """Plan a rollout and keep it; whoever drives it then begins.

    Raises:
        PlanError: it asks for nothing.
        ConflictError: the model is not published.
        InventoryError: nobody is meant.
        OverlapError: another rollout has not ended for some of them.
        HomeError, RolloutError, BusyError, OSError: of the home folder.
    """
    models: tuple[WantedModel, ...] = ()
    if asked.model is not None:
        models = (_wanted(desk.repository, asked.model, asked.line),)
    if not models and asked.settings is None:
        raise PlanError("found neither a model nor settings; allowed: at least one of them")
    with desk.locked():
        gateways = desk.inventory().select(asked.to)
        others = desk.kept.all()
        for other in others:
            shared = set() if other.ended else gateways & other.entries.keys()
            if shared:
                raise OverlapError(
                    f"{other.plan.rollout} has not ended for {len(shared)} of these gateways, such"
                    f" as {min(shared)}; allowed: after its end, or edge-rollout abort"
                )
        rollout = _id(asked, now, {other.plan.rollout for other in others})
        plan = Plan(
            rollout=rollout,
            created=now,
            by=asked.by,
            to=asked.to,
            models=models,
            settings=asked.settings,
            terms=asked.terms,
            waves=divide(gateways, asked.waves, rollout),
            limits=asked.limits,
            rate_per_min=asked.rate_per_min,
        )
        progress = begin(plan)
        desk.home.journal.write(
            "start",
            rollout=rollout,
            model=asked.model,
            sha256=models[0].sha256 if models else None,
            settings=asked.settings,
            to=asked.to,
            waves=[len(wave) for wave in plan.waves],
        )
        desk.kept.write(progress)
    return progress


def withdraw(desk: Desk, rollout: str) -> None:
    """Forget a rollout that could not be begun; one that was driven stays.

    Raises:
        RolloutError, BusyError, OSError: of the home folder.
    """
    with desk.locked():
        if desk.kept.read(rollout).epoch == 0:
            desk.home.journal.write("withdraw", rollout=rollout)
            desk.kept.forget(rollout)


def _wanted(repository: Repository, model: str, line: str | None) -> WantedModel:
    name, _, version = model.partition("@")
    if not name or not version:
        raise PlanError(f"model: found {model!r}; allowed: NAME@VERSION")
    return wanted_model(repository, name, version, line or name)


def wanted_model(repository: Repository, name: str, version: str, line: str) -> WantedModel:
    """Return how a published model is asked for on ``line``. Raises ConflictError, HomeError."""
    found = repository.find(name, version)
    return WantedModel(
        line=line,
        name=name,
        version=version,
        sha256=found.sha256,
        length=found.length,
        target=found.target,
    )


def _id(asked: Asked, now: datetime, taken: set[str]) -> str:
    """Name the rollout after what it brings and when."""
    what = re.sub(r"[^A-Za-z0-9_.-]", "-", asked.model or "settings").lstrip(".")[:_ID_LENGTH]
    first = f"{what}-{now:%y%m%d-%H%M}"
    name, n = first, 2
    while name in taken:
        name, n = f"{first}-{n}", n + 1
    return name
