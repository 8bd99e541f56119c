import pytest

from edge_agent.cli.output import print_error, print_table

HOSTILE = "rolled back\x1b[2J\rwell\x9b1A"


def test_nothing_that_is_printed_in_a_table_does_anything_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("gateway", "state"), [("gw-1", HOSTILE), ("gw-2", "active")])
    out = capsys.readouterr().out
    assert all(line.isprintable() for line in out.split("\n"))
    assert "rolled back" in out


def test_an_error_of_several_lines_does_nothing_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_error(f"one\n{HOSTILE}")
    lines = capsys.readouterr().err.split("\n")
    assert lines[0].endswith(": one")
    assert all(line.isprintable() for line in lines)
