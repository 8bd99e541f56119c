"""What computes the vectors of a flow, where they are not its input."""

from edge_agent.pipeline.features import Extractor, window_extractor
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.plugin import FeatureError


def feature_extractor(spec: FlowSpec) -> Extractor | None:
    """Return what computes the vectors of ``spec``, None where they are its input.

    Raises:
        FeatureError: a feature plugin is missing, of another version, or cannot work here.
    """
    if spec.input.kind == "features":
        return None
    extractor = window_extractor(spec.features, spec.input)
    if extractor.names != spec.feature_names:
        raise FeatureError(
            f"the plugins compute {list(extractor.names)},"
            f" the bundle was made with {list(spec.feature_names)}"
        )
    return extractor
