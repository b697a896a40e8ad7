"""The table's arithmetic, on numbers small enough to work out by hand."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the benchmarks are scripts, not a package

from compare import Spread, disagreement, ratios, spread, table


def test_a_spread_is_the_median_between_the_extremes():
    assert spread([5.0, 1.0, 2.0]) == Spread(2.0, 1.0, 5.0)
    assert spread([4.0, 1.0]) == Spread(2.5, 1.0, 4.0)


def test_ratios_pair_the_rounds():
    # A slow second round slows both and leaves their ratio alone; a ratio of medians would say 4 / 2.
    assert ratios([4.0, 40.0, 3.0], [2.0, 20.0, 1.0]) == Spread(2.0, 2.0, 3.0)


def test_ratios_refuse_rounds_that_do_not_pair():
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])


@pytest.mark.parametrize(("a", "b", "apart"), [([90, 110], [50], 0.5), ([50], [100, 100], 0.5), ([7], [7], 0.0)])
def test_disagreement_is_a_fraction_of_the_larger_mean(a, b, apart):
    assert disagreement(a, b) == apart


def test_two_silent_libraries_agree():
    assert disagreement([0, 0], [0, 0]) == 0.0


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1234, "0.123"), (4.567, "4.57"), (78.94, "78.9"), (123.4, "123"), (12345.6, "12346")],
)
def test_a_spread_shows_three_digits(value, text):
    assert str(Spread(value, value, value)) == f"{text} ({text} - {text})"


def test_a_table_aligns_names_left_and_numbers_right():
    assert table(["", "us"], [["bouton", "9"], ["x", "100"]]).splitlines() == [
        "         us",
        "------  ---",
        "bouton    9",
        "x       100",
    ]
