"""What was published of each system, to stand beside what came out here."""

from collections.abc import Callable
from dataclasses import dataclass

from trainer.evaluate import Verdicts


def _first(found: Verdicts) -> str:
    return (
        f"first alarm in window {found.first_alarm}, {found.alarms_in_healthy} in the healthy part"
    )


def _vus(found: Verdicts) -> str:
    return "-" if found.labelled is None else f"VUS-PR {found.labelled.vus_pr:.3f}"


def _best_f1(found: Verdicts) -> str:
    if found.labelled is None:
        return "-"
    return f"best point F1 {found.labelled.best_point_f1:.2f} (oracle, as published)"


def _events(found: Verdicts) -> str:
    if found.labelled is None:
        return "-"
    event = found.labelled.event
    return f"events: precision {event.precision:.2f}, recall {event.recall:.2f}"


def _adjusted(found: Verdicts) -> str:
    if found.labelled is None:
        return "-"
    return f"point-adjusted F1 {found.labelled.point_adjusted_f1:.3f} (oracle, as published)"


@dataclass(frozen=True, slots=True)
class Published:
    """What was published of a system.

    Attributes:
        family: set of recordings here that is its own, or the closest at hand.
        case: begin of the names of the cases of it.
        figure: what was published.
        ours: takes the same out of a row.
        differs: why the two cannot be the same, as far as is known before looking.
    """

    family: str
    case: str
    figure: str
    ours: Callable[[Verdicts], str]
    differs: str = ""


PUBLISHED: dict[str, Published] = {
    "baosight": Published(
        "IMS test 2",
        "b1, table",
        "spikes after 600 windows, some early warnings",
        _first,
        "the table of all 984 files has no wavelet-packet energies",
    ),
    "larzalere": Published(
        "IMS test 2", "b1 to b4", "first alarm in file 532, none on 15 February", _first
    ),
    "zoo-anomaly-detector": Published(
        "NAB", "nyc_taxi, first 9320", "pictures only, no label is used", _vus
    ),
    "cerliani-quantile": Published(
        "NAB",
        "nyc_taxi, first 5000",
        "the five holidays by eye",
        _vus,
        "one deterministic pass instead of a hundred with dropout",
    ),
    "saeed-gaussian": Published(
        "SMD",
        "machine",
        "F1 0.875 on two columns of a server",
        _best_f1,
        "those data are not at hand; other servers, 38 columns",
    ),
    "chickenbestlover": Published(
        "ECG", "", "best F1 0.59 and 0.48 on chf14_45590", _best_f1, "other records of the same set"
    ),
    "singh-stateful": Published(
        "NAB",
        "nyc_taxi, first 5000",
        "5 of 5 events, 1 false on Dutch power",
        _events,
        "the Dutch power demand is not at hand",
    ),
    "gru-next-step": Published(
        "SMD",
        "machine",
        "point-adjusted F1 above 0.95 on most machines",
        _adjusted,
        "published with the threshold taken from the test errors",
    ),
    "telemanom": Published(
        "ECG",
        "chfdb_chf13",
        "SMAP and MSL: precision 0.875, recall 0.80 by events",
        _events,
        "spacecraft telemetry is not at hand",
    ),
    "aer": Published(
        "NAB",
        "nyc_taxi, first 5000",
        "mean event F1 0.72 over twelve sets",
        _events,
        "the backward forecast uses the future and does not ship",
    ),
}
