"""recipe: what is said of arguments that do not fit."""

import inspect

import bouton
import pytest


@bouton.recipe({"eta": "Learning is a rule."})
def Thing(n_units: int, *, weight: float = 0.5) -> tuple[int, float]:
    """A thing."""
    return n_units, weight


def test_what_fits_is_handed_on() -> None:
    assert Thing(3) == (3, 0.5) and Thing(n_units=3, weight=1.0) == (3, 1.0)
    assert Thing.__doc__ == "A thing." and list(inspect.signature(Thing).parameters) == ["n_units", "weight"]


@pytest.mark.parametrize(
    ("args", "keywords", "message"),
    [
        ((3,), {"wieght": 1.0}, "Thing has no parameter 'wieght'. Did you mean 'weight'?"),
        ((3,), {"zzz": 1.0}, "Thing has no parameter 'zzz'. Available: n_units, weight."),
        ((3,), {"eta": 1.0}, "Thing has no parameter 'eta'. Learning is a rule."),
        ((), {}, "Thing: missing a required argument: 'n_units'."),
        ((3, 4), {}, "Thing: too many positional arguments."),
        ((3,), {"n_units": 4}, "Thing: multiple values for argument 'n_units'."),
    ],
)
def test_what_does_not_fit(args: tuple[int, ...], keywords: dict[str, float], message: str) -> None:
    with pytest.raises(bouton.CircuitError) as raised:
        Thing(*args, **keywords)
    assert str(raised.value) == message


def test_an_error_of_the_function_itself_stays_what_it_is() -> None:
    @bouton.recipe()
    def fails() -> None:
        raise TypeError("its own")

    with pytest.raises(TypeError, match="its own"):
        fails()
