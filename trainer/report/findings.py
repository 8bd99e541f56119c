"""What a page is made of, whether a bundle was just trained or is judged on a recording."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge_agent.bundle import Manifest
from edge_agent.calibration.series import Series
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.spec import FlowSpec
from trainer.choose_detector import Standing
from trainer.evaluate import Evaluation
from trainer.networks import FittedNetwork
from trainer.outcome import Truth
from trainer.quantize import GateReport
from trainer.recipe import Recipe
from trainer.report.names import detectors, subject


@dataclass(frozen=True, slots=True)
class Fitting:
    """What only the training of a network knows."""

    network: FittedNetwork
    gate: GateReport


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found on one recording.

    Attributes:
        manifest: of the bundle.
        truth: the recording's vectors and what is known of it.
        results: what the bundle's flow said of each window.
        evaluation: the judgement of that, beside the plain methods.
        recording: its name.
        recipe: that the bundle was trained by just now; None where it came as it is.
        fitting: None too where the bundle has no network.
        standings: the bundle (``all``) and the plain methods on the healthy part, with faults put
            in; those with the fewest false alarms. Empty where no healthy part is known.
    """

    manifest: Manifest
    truth: Truth
    results: Sequence[WindowResult]
    evaluation: Evaluation
    recording: str
    recipe: Recipe | None = None
    fitting: Fitting | None = None
    standings: Mapping[str, Standing] = field(default_factory=dict)

    @property
    def spec(self) -> FlowSpec:
        """All parameters of the flow."""
        return self.manifest.flow

    @property
    def has_network(self) -> bool:
        """Whether the bundle holds a network, or is a plain method."""
        return self.spec.model.has_network

    @property
    def names(self) -> dict[str, str]:
        """What each detector is called on the page, in the order of the tables."""
        return detectors(
            self.evaluation, self.manifest.training.recipe, has_network=self.has_network
        )

    @property
    def subject(self) -> str:
        """The detector that has to stand beside the plain methods: the network, where it can."""
        return subject(self.evaluation)

    @property
    def series(self) -> Series:
        """The recording's vectors."""
        return self.truth.series
