"""Which of two versions is the higher one (semver.org 2.0.0, section 11)."""

_Label = tuple[int, int, str]
Precedence = tuple[tuple[int, ...], bool, tuple[_Label, ...]]


def precedence(version: str) -> Precedence:
    """Return what a version is compared by; build metadata do not count.

    >>> precedence("1.10.0") > precedence("1.9.0") > precedence("1.9.0-rc.2")
    True
    """
    core, _, labels = version.partition("+")[0].partition("-")
    numbers = tuple(int(number) for number in core.split("."))
    return numbers, not labels, tuple(_label(label) for label in labels.split(".") if label)


def _label(label: str) -> _Label:
    """Numbers go before words, and by their size."""
    return (0, int(label), "") if label.isdigit() else (1, 0, label)
