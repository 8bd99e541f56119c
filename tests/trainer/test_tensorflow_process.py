"""A process for what needs TensorFlow: what it returns, refuses, says and how it may end."""

import os
import signal

import pytest

from trainer.tensorflow_process import ProcessError, TensorFlowProcess


def test_one_process_answers_one_call_after_the_other() -> None:
    with TensorFlowProcess() as process:
        first = process.call("os:getpid", refused=ValueError)
        assert first != os.getpid()
        assert process.call("os:getpid", refused=ValueError) == first


def test_what_a_function_refuses_is_raised_here_and_the_process_goes_on() -> None:
    with TensorFlowProcess() as process:
        with pytest.raises(ValueError, match="invalid literal"):
            process.call("builtins:int", "seven", refused=ValueError)
        assert process.call("builtins:int", "7", refused=ValueError) == 7


def test_a_process_that_fails_otherwise_says_what_it_said_last() -> None:
    said = r"ended with code 1; it said last: .*ValueError: invalid literal"
    with TensorFlowProcess() as process, pytest.raises(ProcessError, match=said):
        process.call("builtins:int", "seven", refused=KeyError)


def test_a_process_that_is_killed_is_an_error_naming_the_signal() -> None:
    with TensorFlowProcess() as process:
        pid = process.call("os:getpid", refused=ValueError)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(ProcessError, match="was killed by SIGKILL"):
            process.call("os:getpid", refused=ValueError)


def test_a_process_that_takes_too_long_is_ended() -> None:
    with TensorFlowProcess() as process:
        process.call("os:getpid", refused=ValueError)
        with pytest.raises(ProcessError, match=r"took longer than 0\.2 s"):
            process.call("time:sleep", 600.0, refused=ValueError, timeout_s=0.2)
