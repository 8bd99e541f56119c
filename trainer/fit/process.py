"""Fitting in a process of its own.

TensorFlow and tflite-runtime cannot live in one process: they share symbols, and loading a model
then fails. So the process that calibrates and evaluates with the gateway's interpreter never
imports TensorFlow, and a gigabyte of it is gone when the fit is done.
"""

import multiprocessing
import signal
from collections.abc import Sequence
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

from trainer.fit.batches import FitError
from trainer.fit.fit import fit_network
from trainer.fit.loop import Progress
from trainer.fit.search import SearchSpec, fit_best
from trainer.fit.spec import FitSpec
from trainer.networks import FittedNetwork, NetworkSpec

_Message = tuple[int, int, float, float | None] | FittedNetwork | FitError
_Rows = NDArray[np.float32]


def fit_in_child(
    spec: NetworkSpec,
    fit: FitSpec,
    inputs: _Rows,
    targets: _Rows,
    segments: Sequence[slice],
    progress: Progress | None = None,
    search: SearchSpec | None = None,
) -> FittedNetwork:
    """Do what ``fit_network`` does, or ``fit_best`` where there is a search, in a child process.

    Raises:
        FitError: as ``fit_network`` does, and where the process ended without a word.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    bounds = [(s.start, s.stop) for s in segments]
    child = context.Process(target=_run, args=(there, spec, fit, search, inputs, targets, bounds))
    child.start()
    there.close()
    try:
        while True:
            message: _Message = here.recv()
            if isinstance(message, FittedNetwork):
                return message
            if isinstance(message, FitError):
                raise message
            if progress is not None:
                progress(*message)
    except EOFError as error:
        child.join()
        raise FitError(f"the process that fits the network {_ending(child.exitcode)}") from error
    finally:
        child.terminate()
        child.join()
        here.close()


def _run(
    out: Connection,
    spec: NetworkSpec,
    fit: FitSpec,
    search: SearchSpec | None,
    inputs: _Rows,
    targets: _Rows,
    bounds: Sequence[tuple[int, int]],
) -> None:
    def progress(epoch: int, epochs: int, loss: float, val_loss: float | None) -> None:
        out.send((epoch, epochs, loss, val_loss))

    # Ctrl-C reaches the whole group: the parent ends this process, which has nothing to say
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    segments = [slice(start, stop) for start, stop in bounds]
    try:
        if search is None:
            out.send(fit_network(spec, fit, inputs, targets, segments, progress))
        else:
            out.send(fit_best(spec, fit, search, inputs, targets, segments, progress))
    except FitError as error:
        out.send(error)


def _ending(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"was killed by {_name(-exit_code)}"
    return f"ended with code {exit_code}"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have none
        return f"signal {number}"
