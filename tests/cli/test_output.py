import pytest

from edge_agent.cli.output import print_error, print_table, table_lines

HOSTILE = "rolled back\x1b[2J\rwell\x9b1A"


def test_nothing_that_is_printed_in_a_table_does_anything_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("gateway", "state"), [("gw-1", HOSTILE), ("gw-2", "active")])
    out = capsys.readouterr().out
    assert all(line.isprintable() for line in out.split("\n"))
    assert "rolled back" in out


def test_a_table_keeps_to_the_columns_there_are_and_shows_where_it_was_cut() -> None:
    reason = "rolled back: trial bad: " + "so and so, " * 40
    rows = [("gw-1", reason, "press@1.4.0"), ("gw-2", "active\nas it is", "-")]
    titles = ("gateway", "state", "running")
    head, first, second = table_lines(titles, rows, 80)
    assert head.split() == ["gateway", "state", "running"]
    assert len(first) == 80
    assert first.startswith("gw-1     rolled back: trial bad: so and so, ")
    assert first.endswith("\N{HORIZONTAL ELLIPSIS}  press@1.4.0")
    assert second.split("  ")[-1].strip() == "-"
    assert reason in table_lines(titles, rows)[1]


def test_an_error_of_several_lines_does_nothing_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_error(f"one\n{HOSTILE}")
    lines = capsys.readouterr().err.split("\n")
    assert lines[0].endswith(": one")
    assert all(line.isprintable() for line in lines)
