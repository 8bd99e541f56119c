"""What an anomaly looks like: spectrum and waveform of each channel, healthy beside now."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.compact import Curve, Waveform, curve, waveform
from edge_agent.pipeline.fault_lines import LinePicture, line_picture
from edge_agent.pipeline.features.lines import LineFinder
from edge_agent.pipeline.healthy import Healthy, Measured
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.spectrum import BandSpectrum
from edge_agent.pipeline.state import Array, unpack
from edge_agent.plugin import CentredWindow, LineSpectrum

_SHORTEST = 8  # samples, for a spectrum
_DIGITS = 5


class ChannelPicture(msgspec.Struct, frozen=True, kw_only=True):
    """What one channel looks like in the window of the event, healthy beside now.

    Attributes:
        name: of the channel.
        rms: of the window without its mean, in the unit of the samples.
        now_db: level of each band: 20 log10 of its rms in that unit; null where no rate is known.
        healthy_db: the same when the machine was healthy, its mean.
        healthy_spread_db: standard deviation of that.
        waveform: the window.
        healthy_waveform: of one healthy window.
        lines: spectra in which a feature looks for faults.
    """

    name: str
    rms: float
    now_db: Curve | None
    healthy_db: Curve | None
    healthy_spread_db: Curve | None
    waveform: Waveform
    healthy_waveform: Waveform | None
    lines: tuple[LinePicture, ...] = ()


class Camera:
    """Takes what a picture needs from windows of one kind; for one thread."""

    def __init__(self, spec: FlowSpec) -> None:
        """Prepare for the windows of ``spec``. Raises FeatureError."""
        inner = spec.input.feature_input()
        self.channels = inner.channels
        self._columns = [spec.input.channels.index(name) for name in inner.channels]
        self._rate_hz = inner.rate_hz
        tells = inner.rate_hz is not None and inner.length >= _SHORTEST
        self._bands = BandSpectrum(inner.rate_hz or 1.0, inner.length) if tells else None
        self._lines = LineFinder(spec.features, inner)

    @property
    def edges_hz(self) -> tuple[float, ...]:
        """Ends of the spectrum's bands; empty where the rate is unknown."""
        if self._bands is None:
            return ()
        return tuple(float(f"{edge:.{_DIGITS}g}") for edge in self._bands.edges_hz)

    def take(
        self, samples: NDArray[np.float32], values: NDArray[np.float32], points: int
    ) -> tuple[Measured, CentredWindow, list[LineSpectrum]]:
        """Return what is to be learned from a window, or set beside what was learned.

        Args:
            samples: float32 (n, channels).
            values: its features.
            points: most numbers of a waveform; 0: none is wanted.
        """
        window = CentredWindow(np.ascontiguousarray(samples[:, self._columns]))
        spectra = self._lines.spectra(window)
        measured = Measured(
            values=values,
            levels_db=None if self._bands is None else self._bands.levels_db(window.samples),
            lines=tuple(spectrum.amplitudes for spectrum in spectra),
            waveforms=tuple(
                waveform(row, self._rate_hz, points) for row in window.samples if points
            ),
        )
        return measured, window, spectra

    def pictures(
        self,
        samples: NDArray[np.float32],
        values: NDArray[np.float32],
        healthy: Healthy | None,
        points: int,
    ) -> tuple[ChannelPicture, ...]:
        """Return each channel's picture; arguments as of ``take``."""
        measured, window, spectra = self.take(samples, values, points)
        known = healthy if healthy is not None and self._fits(healthy, measured) else None
        return tuple(
            ChannelPicture(
                name=name,
                rms=float(f"{window.rms[i]:.{_DIGITS}g}"),
                now_db=None if measured.levels_db is None else curve(measured.levels_db[i]),
                healthy_db=_row(None if known is None else known.levels_db, i),
                healthy_spread_db=_row(None if known is None else known.spread_db, i),
                waveform=measured.waveforms[i],
                healthy_waveform=None if known is None else known.waveforms[i],
                lines=tuple(
                    line_picture(s, i, None if known is None else unpack(known.lines[k])[i])
                    for k, s in enumerate(spectra)
                ),
            )
            for i, name in enumerate(self.channels)
        )

    @staticmethod
    def _fits(healthy: Healthy, measured: Measured) -> bool:
        levels = None if healthy.levels_db is None else healthy.levels_db.shape
        expected = None if measured.levels_db is None else measured.levels_db.shape
        lines = [array.shape for array in healthy.lines]
        return (
            levels == expected
            and lines == [amplitudes.shape for amplitudes in measured.lines]
            and len(healthy.waveforms) == len(measured.waveforms)
        )


def _row(array: Array | None, i: int) -> Curve | None:
    return None if array is None else curve(unpack(array)[i])
