"""Tables of the command line."""

import pytest

from services.cli.tables import show_table


def test_nothing_is_cut_off_or_read_as_markup(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    show_table(("id", "name"), [("key_90ae6fcfac28552c", "[red]日本[/red]"), ("k", "a\x1b[2Jb\nc")])
    assert capsys.readouterr().out.splitlines() == [
        "id                    name",
        "key_90ae6fcfac28552c  [red]日本[/red]",
        "k                     a?[2Jb?c",
    ]


def test_columns_stand_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("a", "b"), [("日本", "1"), ("x", "2")])
    assert capsys.readouterr().out.splitlines() == ["a     b", "日本  1", "x     2"]
