"""Progress on a terminal, and only there."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def window_progress(label: str) -> Iterator[Callable[[int, int | None], None]]:
    """Yield what shows how many windows have been read."""
    shown = sys.stderr.isatty()

    def update(done: int, total: int | None) -> None:
        if shown and (done % 50 == 0 or done == total):
            click.echo(
                f"\r{label}: {done}{'' if total is None else f' of {total}'} windows",
                nl=False,
                err=True,
            )

    yield update
    if shown:
        click.echo(err=True)


def show_stage(name: str) -> None:
    """Show what a long command does now."""
    if sys.stderr.isatty():
        click.echo(f"\n{name} ...", nl=False, err=True)


@contextmanager
def epoch_progress() -> Iterator[Callable[[int, int, float, float | None], None]]:
    """Yield what shows how the fit goes."""
    shown = sys.stderr.isatty()

    def update(epoch: int, epochs: int, loss: float, val_loss: float | None) -> None:
        if shown:
            held = "" if val_loss is None else f", validation {val_loss:.4f}"
            click.echo(f"\repoch {epoch} of {epochs}: loss {loss:.4f}{held}   ", nl=False, err=True)

    yield update
    if shown:
        click.echo(err=True)
