"""Wires that take some units of a population."""

from typing import Any

import bouton
import numpy as np
import pytest
from bouton import Circuit, CircuitError, Component, Ports, Synapse, Tick, delayed, port, static
from bouton.testing import Full
from jaxtyping import Array, Float

X = np.random.default_rng(0).random((6, 5))


class Echo(Component):
    """``y = x``."""

    n: int = static(default=5, dim="unit")

    class In(Ports):
        x: Float[Array, "*batch unit"] = port()

    class Out(Ports):
        y: Float[Array, "*batch unit"] = port()

    def advance(self, s: Any, x: Any, tick: Tick) -> Any:
        return s, self.Out(y=x.x)


def circuit(source: Any, n_pre: int = 2) -> Circuit:
    nodes = {"cells": Echo(), "to": Synapse(Full(n_pre, 3), weights=np.ones((n_pre, 3)))}
    return Circuit(nodes, {"to.pre": source})


def run_of(circuit: Circuit) -> bouton.Run:
    return bouton.simulate(
        circuit,
        6.0,
        inputs={"cells.x": (("time", "unit"), X)},
        record={"to.current": 1},
        progress=False,
    )


@pytest.mark.parametrize(
    ("part", "units"),
    [
        ("[:2]", [0, 1]),
        ("[3:]", [3, 4]),
        ("[1:3]", [1, 2]),
        ("[-2:]", [3, 4]),
        ("[:-3]", [0, 1]),
        ("[:]", [0, 1, 2, 3, 4]),
    ],
)
def test_a_wire_brings_the_units_between_first_and_last(part: str, units: list[int]) -> None:
    run = run_of(circuit(f"cells.y{part}", len(units)))
    np.testing.assert_allclose(run["to.current"], np.repeat(X[:, units].sum(1, keepdims=True), 3, 1), atol=1e-6)


def test_all_parts_of_a_population_share_one_delay_line() -> None:
    wires = {"a.pre": delayed("cells.y[:2]", 2.0), "b.pre": delayed("cells.y[2:]", 2.0)}
    nodes = {"cells": Echo(), "a": Synapse(Full(2, 1)), "b": Synapse(Full(3, 1))}
    both = Circuit(nodes, wires)
    assert [n for n in both.components if n not in nodes] == ["cells.y~2ms"]
    run = bouton.simulate(
        both,
        6.0,
        inputs={"cells.x": (("time", "unit"), X)},
        record={"a.current": 1, "b.current": 1},
        progress=False,
    )
    late = np.vstack([np.zeros((2, 5)), X[:-2]])
    np.testing.assert_allclose(run["a.current"][:, 0], late[:, :2].sum(1), atol=1e-6)
    np.testing.assert_allclose(run["b.current"][:, 0], late[:, 2:].sum(1), atol=1e-6)


def test_the_schedule_and_model_files_show_which_units() -> None:
    taken = circuit(delayed("cells.y[-2:]", 1.0))
    assert "to (Synapse): pre <- cells.y~1ms.y[3:5]" in taken.schedule
    assert circuit("cells.y[:2]").wires == (("to.pre", ("cells.y[:2]",)),)


def test_a_part_of_a_nested_circuit() -> None:
    outer = Circuit({"net": Circuit({"cells": Echo()}), "to": Synapse(Full(2, 3))}, {"to.pre": "net.cells.y[1:3]"})
    assert "pre <- net.cells.y[1:3]" in outer.schedule


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("cells.y[3:3]", "cells.y[3:3] is empty: cells.y is (unit 5)."),
        ("cells.y[7:]", "cells.y[7:] is empty: cells.y is (unit 5)."),
        ("cells.y[1:]", "cells.y[1:] is (unit 4) but to.pre is (pre 2)."),
        (
            "cells.y[2]",
            "'cells.y[2]': write the units that a wire takes as [first:last], for instance 'exc.s[:80]'.",
        ),
        ("cells.z[:2]", "wire into 'to.pre' from unknown state or output 'cells.z'."),
        ("w.w[:2]", "w.w[:2]: w.w is (pre 2, post 2); only of one axis can a wire take a part."),
    ],
)
def test_what_is_no_part_of_a_population(source: str, message: str) -> None:
    nodes = {"cells": Echo(), "w": Synapse(Full(2, 2)), "to": Synapse(Full(2, 3))}
    with pytest.raises(CircuitError) as e:
        Circuit(nodes, {"to.pre": source})
    assert str(e.value).startswith(message)
