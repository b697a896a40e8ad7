"""Modules as values: what is said about wrong arguments, fields and names, and when two are equal."""

import copy
import dataclasses
import pickle

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import Param, Ports, parameter, port, static
from jaxtyping import Array, Float


class Cell(bouton.Component):
    n_units: int = static(dim="unit")
    tau_m: Param = parameter(default=20.0)
    surrogate: bouton.Surrogate = bouton.Arctan()

    class State(Ports):
        v: Float[Array, "*batch unit"] = port("mV")
        theta: Float[Array, " unit"] = port("mV")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cell(3, taum=10.0), "Cell has no parameter 'taum'. Did you mean 'tau_m'?"),
        (lambda: Cell(3).replace(taum=10.0), "Cell has no parameter 'taum'. Did you mean 'tau_m'?"),
        (lambda: Cell(), "Cell needs 'n_units' as well."),
        (lambda: Cell(3, n_units=3), "Cell is given 'n_units' twice: by its place and by name."),
        (lambda: Cell(1, 2, 3, 4), "Cell takes 3 arguments by their places, got 4."),
        (lambda: Cell.State(theta=0.0, u=1.0), "Cell.State has no 'u'. Available: v, theta."),
        (lambda: Cell.State(v=0.0, thet=1.0), "Cell.State has no 'thet'. Did you mean 'theta'?"),
        (lambda: Cell.State(), "Cell.State needs 'v', 'theta' as well."),
        (lambda: Cell.State(1.0), "Cell.State takes no arguments by their places, got 1."),
    ],
)
def test_arguments_that_do_not_fit(make, message):
    with pytest.raises(bouton.CircuitError) as raised:
        make()
    assert str(raised.value) == message


def test_a_type_error_of_ones_own_is_left_as_it_is():
    class Adding(bouton.Component):
        n: int = static()

        def __post_init__(self):
            _ = self.n + "1"  # type: ignore[operator]

    with pytest.raises(TypeError, match="unsupported operand"):
        Adding(1)


def test_an_init_of_ones_own_calls_the_generated_one():
    class Doubled(Cell):
        def __init__(self, half):
            super().__init__(n_units=2 * half)

    assert Doubled(2).n_units == 4
    with pytest.raises(TypeError, match="unexpected keyword argument 'n_units'"):
        Doubled(n_units=4)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("value", "name", "message"),
    [
        (Cell(3), "tau_m", "Cell is frozen: make a copy with .replace(tau_m=...)."),
        (Cell.State(v=0.0, theta=0.0), "v", "Cell.State is frozen: make a copy with .replace(v=...)."),
        (Cell(3), "cache", "Cell is frozen and has no field 'cache'."),
    ],
)
def test_nothing_can_be_set(value, name, message):
    with pytest.raises(dataclasses.FrozenInstanceError) as raised:
        setattr(value, name, 1.0)
    assert str(raised.value) == message


def test_a_missing_compartment_is_named():
    s = Cell.State(v=0.0, theta=0.0)
    with pytest.raises(AttributeError, match=r"^Cell\.State has no 'thet'\. Did you mean 'theta'\?$"):
        _ = s.thet
    assert not hasattr(s, "_replace")
    assert copy.deepcopy(s) == pickle.loads(pickle.dumps(s)) == s


def test_ports_declared_without_port_are_refused():
    with pytest.raises(bouton.CircuitError, match=r"^Bad\.State\.v is declared without port\(\.\.\.\)\.$"):

        class Bad(bouton.Component):
            class State(Ports):
                v: Float[Array, "*batch unit"]

    with pytest.raises(bouton.CircuitError, match=r"^Worse\.Out must be a subclass of bouton\.Ports\.$"):

        class Worse(bouton.Component):
            class Out:
                v: Float[Array, "*batch unit"] = port()


# ---- equality --------------------------------------------------------------------------------------------------------


def key_of(seed):
    return bouton.Tick(step=0, dt=1.0, key=jax.random.key(seed))


@pytest.mark.parametrize(
    ("make", "other"),
    [
        (lambda: Cell(3), Cell(4)),
        (lambda: Cell(3, tau_m=np.array([1.0, 2.0, 3.0])), Cell(3, tau_m=np.array([1.0, 2.0, 4.0]))),
        (lambda: Cell(3, tau_m=jnp.ones(3)), Cell(3, tau_m=jnp.ones(2))),
        (lambda: Cell(3, surrogate=bouton.Triangular(0.5)), Cell(3, surrogate=bouton.Arctan(0.5))),
        (lambda: Cell(3, tau_m=bouton.Uniform(1.0, 2.0)), Cell(3, tau_m=bouton.Uniform(1.0, 3.0))),
        (lambda: bouton.Circuit({"a": Cell(3)}, start={"a.v": 1.0}), bouton.Circuit({"a": Cell(3)})),
        (lambda: key_of(0), key_of(1)),
        (lambda: Cell.State(v=None, theta=0.0), Cell.State(v=0.0, theta=None)),
    ],
)
def test_equal_values_are_equal_and_have_one_hash(make, other):
    one, two = make(), make()
    assert one == two and one is not two and hash(one) == hash(two) and {one: 1}[two] == 1
    assert one != other and one != 3


def test_a_subclass_is_another_value():
    class Special(Cell):
        pass

    assert Special(3) != Cell(3)


def test_a_tracer_equals_only_itself():
    seen = []

    @jax.jit
    def f(tau):
        seen.append((Cell(3, tau_m=tau) == Cell(3, tau_m=tau), Cell(3, tau_m=tau) == Cell(3, tau_m=tau + 0)))
        return tau

    f(1.0)
    assert seen == [(True, False)]
