"""Bearing fault lines in the envelope spectrum, as a feature plugin of edge-agent."""

from edge_feature_envelope.bearing import FaultOrders, orders_of_geometry
from edge_feature_envelope.envelope import Envelope
from edge_feature_envelope.options import EnvelopeOptions

__all__ = ["Envelope", "EnvelopeOptions", "FaultOrders", "orders_of_geometry"]
