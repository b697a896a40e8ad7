"""Circuits: order, wires from outputs and states, batches, persistence, keys, parameters, nesting."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import (
    Circuit,
    CircuitError,
    Component,
    Constant,
    CurrentNormalised,
    Gaussian,
    Param,
    Ports,
    Synapse,
    Tick,
    Uniform,
    delayed,
    parameter,
    port,
    static,
)
from bouton.testing import Full
from jaxtyping import Array, Float

KEY = jax.random.key(0)


class Source(Component):
    """Sends the number of the step, or noise."""

    n: int = static(dim="unit")
    noise: bool = static(default=False)

    class Out(Ports):
        y: Float[Array, "*batch unit"] = port(doc="signal")

    def advance(self, s: Any, x: Any, tick: Tick) -> Any:
        shape = (*tick.batch, self.n)
        y = jax.random.uniform(tick.key, shape) if self.noise else jnp.full(shape, tick.step + 1.0)
        return s, self.Out(y=y)


class Sum(Component):
    """Adds up its input: ``total += gain * x``; a homeostatic count persists."""

    n: int | tuple[int, ...] = static(dim="unit")
    gain: Param = parameter(default=1.0, dims="unit")
    tau: Param | None = parameter(default=None, unit="ms", gt=0)

    class In(Ports):
        x: Float[Array, "*batch unit"] = port(reduce="sum", default=0.0)

    class Late(Ports):
        after: Float[Array, "*batch unit"] = port(default=0.0)

    class State(Ports):
        total: Float[Array, "*batch unit"] = port(doc="sum so far")
        seen: Float[Array, " unit"] = port(persist=True, doc="what `after` brought in all trials")

    class Out(Ports):
        y: Float[Array, "*batch unit"] = port(doc="the sum with this step's input")

    def advance(self, s: Any, x: Any, tick: Tick) -> Any:
        total = s.total + self.gain * x.x
        return s.replace(total=total), self.Out(y=total)

    def evolve(self, s: Any, x: Any, late: Any, tick: Tick) -> Any:
        return s.replace(seen=s.seen + late.after)

    def consolidate(self, s: Any) -> Any:
        return s.replace(seen=s.seen * 0.5)


class Mute(Component):
    """Declares a late input that nothing reads."""

    n: int = static(dim="unit")

    class Late(Ports):
        z: Float[Array, "*batch unit"] = port(default=0.0)


class Volt(Component):
    """Has a membrane potential and nothing else."""

    n: int = static(default=2, dim="unit")

    class In(Ports):
        i: Float[Array, "*batch unit"] = port("nA", default=0.0)

    class State(Ports):
        v: Float[Array, "*batch unit"] = port("mV")

    def advance(self, s: Any, x: Any, tick: Tick) -> Any:
        return self.State(v=s.v + x.i), self.Out()


def ran(circuit: Circuit, steps: int, batch: tuple[int, ...] = (), **how: Any) -> tuple[Any, list[Any]]:
    state, outs = circuit.init(key=KEY, dt=1.0, batch=batch), []
    for i in range(steps):
        state, out = circuit.step(
            state, Tick(i, 1.0, KEY, batch, how.get("reduce", "mean")), learn=how.get("learn", True)
        )
        outs.append(out)
    return state, outs


def test_a_wire_from_an_output_carries_this_step_and_orders() -> None:
    circuit = Circuit({"b": Sum(2), "a": Source(2)}, {"b.x": "a.y"})
    _, outs = ran(circuit, 3)
    assert [float(o["b"].y[0]) for o in outs] == [1.0, 3.0, 6.0]
    assert circuit.schedule.splitlines()[:2] == ["advance a (Source)", "advance b (Sum): x <- a.y"]


def test_a_wire_from_a_state_carries_what_the_last_step_left_and_orders_nothing() -> None:
    circuit = Circuit({"a": Sum(1), "b": Sum(1), "s": Source(1)}, {"a.x": ["s.y", "b.total"], "b.x": "a.total"})
    _, outs = ran(circuit, 4)
    a = b = 0.0
    for i, out in enumerate(outs):
        a, b = a + (i + 1) + b, b + a
        assert (float(out["a"].y[0]), float(out["b"].y[0])) == (a, b)


def test_evolve_sees_the_outputs_of_this_step_without_ordering_them() -> None:
    circuit = Circuit({"a": Sum(1), "s": Source(1), "b": Sum(1)}, {"b.x": ["s.y", "a.y"], "a.after": "b.y"})
    state, outs = ran(circuit, 2)
    assert float(state["a"].seen[0]) == float(outs[0]["b"].y[0] + outs[1]["b"].y[0]) == 1.0 + 3.0


def test_without_learning_what_persists_stays_and_the_rest_goes_on() -> None:
    circuit = Circuit({"s": Source(1), "a": Sum(1)}, {"a.x": "s.y", "a.after": "s.y"})
    state, _ = ran(circuit, 3, learn=False)
    assert (float(state["a"].seen[0]), float(state["a"].total[0])) == (0.0, 6.0)


@pytest.mark.parametrize("reduce, expected", [("mean", 2.0), ("sum", 6.0)])
def test_changes_of_what_persists_are_brought_together_over_the_batch(reduce: str, expected: float) -> None:
    circuit = Circuit({"a": Sum(2)}, {})
    state = circuit.init(key=KEY, dt=1.0, batch=3)
    lanes = jnp.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    state, _ = circuit.step(state, Tick(0, 1.0, KEY, (3,), reduce), {"a.after": lanes})  # type: ignore[arg-type]
    assert state["a"].seen.shape == (2,)
    assert np.allclose(state["a"].seen, expected)


def test_reset_consolidates_and_renews_and_may_change_the_batch() -> None:
    circuit = Circuit({"s": Source(1), "a": Sum(1)}, {"a.x": "s.y", "a.after": "s.y"}, start={"a.total": 7.0})
    state, _ = ran(circuit, 2)
    again = circuit.reset(state, key=KEY, dt=1.0, batch=4)
    assert again["a"].total.shape == (4, 1) and np.all(again["a"].total == 7.0)
    assert float(again["a"].seen[0]) == 0.5 * 3.0
    assert float(circuit.reset(state, key=KEY, dt=1.0, learn=False)["a"].seen[0]) == 3.0


@pytest.mark.parametrize("ms", [1.0, 2.0, 3.0, 7.0])
@pytest.mark.parametrize("source", ["s.y", "a.total"])
def test_a_delayed_value_arrives_in_just_the_right_step(ms: float, source: str) -> None:
    steps = int(4 * ms + 5)  # the ring wraps several times
    circuit = Circuit({"s": Source(2), "a": Sum(2), "b": Sum(2)}, {"a.x": "s.y", "b.x": delayed(source, ms)})
    _, outs = ran(circuit, steps)
    arrived = np.diff([0.0, *(float(o["b"].y[0]) for o in outs)])
    sent = np.arange(1.0, steps + 1) if source == "s.y" else np.cumsum([0.0, *range(1, steps)])
    assert np.array_equal(arrived, np.concatenate([np.zeros(int(ms)), sent[: steps - int(ms)]]))


def test_delays_of_the_same_length_share_one_line_also_in_other_steps() -> None:
    circuit = Circuit(
        {"s": Source(2), "a": Sum(2), "b": Sum(2)}, {"a.x": delayed("s.y", 1.5), "b.x": delayed("s.y", 1.5)}
    )
    assert list(circuit.components) == ["s", "a", "b", "s.y~1.5ms"]
    assert circuit.init(key=KEY, dt=0.5)["s.y~1.5ms"].ring.shape == (3, 2)
    assert circuit.init(key=KEY, dt=0.25, batch=5)["s.y~1.5ms"].ring.shape == (6, 5, 2)


def test_random_numbers_depend_on_name_step_and_key_alone() -> None:
    alone = Circuit({"a": Source(3, noise=True)})
    among = Circuit({"z": Source(3, noise=True), "q": Sum(3), "a": Source(3, noise=True)}, {"q.x": "z.y"})
    ours, theirs = (np.stack([o["a"].y for o in ran(c, 3)[1]]) for c in (alone, among))
    assert np.array_equal(ours, theirs)
    assert len(np.unique(ours)) == ours.size
    zs = np.stack([o["z"].y for o in ran(among, 3)[1]])
    assert not np.isin(zs, theirs).any()


def test_a_population_that_is_a_map_is_one_flat_axis() -> None:
    circuit = Circuit({"s": Source(6), "a": Sum((2, 3))}, {"a.x": "s.y"})
    assert circuit.init(key=KEY, dt=1.0, batch=4)["a"].total.shape == (4, 6)
    coords = circuit.components["a"].coords()
    assert coords["height"][0] == "unit" and coords["width"][1].tolist() == [0, 1, 2, 0, 1, 2]


def test_start_values_are_drawn_for_each_sample() -> None:
    circuit = Circuit({"a": Sum(50)}, start={"a.total": Uniform(3.0, 4.0), "a.seen": np.arange(50.0)})
    state = circuit.init(key=KEY, dt=1.0, batch=2)
    assert np.all((state["a"].total >= 3.0) & (state["a"].total < 4.0))
    assert not np.array_equal(state["a"].total[0], state["a"].total[1])
    assert np.array_equal(state["a"].seen, np.arange(50.0))


def test_parameters_may_be_arrays_distributions_and_tracers() -> None:
    per_unit = Circuit({"s": Source(3), "a": Sum(3, gain=[1, 2, 3])}, {"a.x": "s.y"})
    assert np.array_equal(ran(per_unit, 1)[0]["a"].total, [1.0, 2.0, 3.0])
    drawn = Circuit({"s": Source(3), "a": Sum(3, gain=Uniform(1.0, 2.0))}, {"a.x": "s.y"}).realise(KEY)
    gains = drawn.nodes["a"].gain
    assert gains.shape == (3,) and np.array_equal(ran(drawn, 1)[0]["a"].total, gains)

    def total(gain: Any) -> Any:
        return ran(per_unit.with_parameters({"a.gain": gain}), 2)[0]["a"].total.sum()

    assert float(jax.grad(total)(2.0)) == 3 * (1 + 2)
    assert np.array_equal(jax.vmap(total)(jnp.array([1.0, 2.0])), [9.0, 18.0])


def test_changing_a_parameter_does_not_compile_again() -> None:
    traces = []

    @jax.jit
    def f(circuit: Circuit) -> Any:
        traces.append(1)
        return ran(circuit, 1)[0]["a"].total

    circuit = Circuit({"s": Source(3), "a": Sum(3)}, {"a.x": "s.y"})
    assert np.array_equal(f(circuit), [1.0] * 3)
    assert np.array_equal(f(circuit.with_parameters({"a.gain": 5.0})), [5.0] * 3)
    assert len(traces) == 1


def test_a_circuit_may_be_a_node_of_another() -> None:
    column = Circuit({"a": Sum(1), "b": Sum(1)}, {"b.x": delayed("a.y", 1.0)}, start={"b.total": 10.0})
    both = Circuit(
        {"s": Source(1), "left": column, "right": column},
        {"left.a.x": "s.y", "right.a.x": "left.b.y", "left.b.x": "s.y"},
    )
    flat = Circuit(
        {"s": Source(1), "la": Sum(1), "lb": Sum(1), "ra": Sum(1), "rb": Sum(1)},
        {"la.x": "s.y", "lb.x": [delayed("la.y", 1.0), "s.y"], "ra.x": "lb.y", "rb.x": delayed("ra.y", 1.0)},
        start={"lb.total": 10.0, "rb.total": 10.0},
    )
    nested_state, flat_state = ran(both, 5)[0], ran(flat, 5)[0]
    for nested, plain in (("left.a", "la"), ("left.b", "lb"), ("right.a", "ra"), ("right.b", "rb")):
        assert np.array_equal(nested_state[nested].total, flat_state[plain].total)
    assert both.with_parameters({"right.a.gain": 3.0}).nodes["right"].nodes["a"].gain == 3.0
    assert both.compartment("left.a.total").unit == "1"


def test_a_circuit_is_a_pytree_that_keeps_the_order_of_its_nodes() -> None:
    circuit = Circuit({"z": Source(1), "a": Sum(1), "m": Sum(1)}, {"a.x": "z.y"})
    leaves, tree = jax.tree.flatten(circuit)
    assert leaves == [1.0, 1.0]
    back = jax.tree.unflatten(tree, leaves)
    assert list(back.nodes) == ["z", "a", "m"] and back.schedule == circuit.schedule
    assert jax.tree.map(lambda _: None, circuit).nodes["a"].gain is None  # no check runs on a tree of something else


# ---- what cannot be built says why ---------------------------------------------------------------------------------

CANNOT_BE_BUILT = [
    ({"a": Sum(1)}, {"a.x": "s.y"}, "wire into 'a.x' from unknown state or output 's.y'. Did you mean 'a.y'?"),
    ({"a": Sum(1)}, {"a.xx": "a.total"}, "wire into unknown input 'a.xx'. Did you mean 'a.x'?"),
    ({"a": Sum(1), "v": Volt(1)}, {"a.x": "v.v"}, "v.v [mV] is wired into a.x [1]: the units differ."),
    ({"a": Sum(2), "s": Source(3)}, {"a.x": "s.y"}, "s.y is (unit 3) but a.x is (unit 2)."),
    (
        {"a": Sum(1), "b": Sum(1)},
        {"a.x": "b.y", "b.x": "a.y"},
        "these nodes need each other within one step: a -> b -> a. "
        "Start one wire at a state, or break the loop with bouton.delayed.",
    ),
    ({"a": Sum(1), "s": Source(1)}, {"a.after": ["s.y", "s.y"]}, "'a.after' takes one wire but has 2: s.y, s.y."),
    ({"a": Sum(1)}, {"a.x": 3}, "the wire into 'a.x' must come from a name such as 'exc.s'"),
    ({"a": Sum(1)}, {"a.x": delayed("a.y", -1.0)}, "delayed('a.y', -1): a delay must be > 0 ms and finite."),
    ({"a": Sum(1)}, {"a.x": delayed("a.y", float("nan"))}, "a delay must be > 0 ms and finite."),
    ({"a": Sum}, {}, "node 'a' must be a component or a circuit, got"),
    ([Sum(1)], {}, "Circuit.nodes must map names to values, got [Sum"),
    ({"a": Sum(1)}, ["a.x"], "wires must map inputs to sources, e.g. {'exc.j': 'ff.current'}, got ['a.x']."),
    ({"a": Mute(1)}, {}, "Mute (node 'a') has the late input 'z' but no evolve, which alone is given late inputs."),
    ({"a.b": Sum(1)}, {}, "'a.b' cannot name a node"),
    ({"a": Sum("3")}, {}, "a.n must be int | tuple[int, ...], got '3'."),  # type: ignore[arg-type]
    ({"a": Sum(True)}, {}, "a.n must be int | tuple[int, ...], got True."),
    ({"a": Sum((2,) * 9 + ("x",))}, {}, "a.n must be int | tuple[int, ...], got (2, 2,"),  # type: ignore[arg-type]
    ({"a": Sum(1), "s": Source(1)}, {"a.x": []}, "the wire into 'a.x' has no source: name one, or leave the wire out."),
    ({"a": Sum(1, gain=Gaussian(std=-1.0))}, {}, "a.gain.std must be >= 0, got -1."),
    ({"a": Sum(0)}, {}, "a.n is a size: it must be at least 1, got 0."),
    ({"a": Sum(1, gain="2")}, {}, "a.gain must be a number, an array or an initialiser, got '2'."),
    ({"a": Sum(1, gain=float("nan"))}, {}, "a.gain must be a number, got nan."),
    ({"a": Sum(1, gain=float("inf"))}, {}, "a.gain must be finite, got inf."),
    ({"a": Sum(1, gain=None)}, {}, "a.gain must be a number, an array or an initialiser, got None."),
    ({"a": Sum(3, gain=[1.0, 2.0])}, {}, "a.gain must be a single number or an array of shape (3,) (unit)"),
    ({"a": Sum(1, tau=-1.5)}, {}, "a.tau must be > 0 ms, got -1.5."),
    ({"a": Sum(1, tau=0)}, {}, "a.tau must be > 0 ms, got 0. Use None to switch it off."),
    ({"a": Sum(1, tau=[1.0, 2.0])}, {}, "a.tau must be a single number, got an array of shape (2,)."),
]


@pytest.mark.parametrize("nodes, wires, message", CANNOT_BE_BUILT, ids=range(len(CANNOT_BE_BUILT)))
def test_what_cannot_be_built_says_why(nodes: Any, wires: Any, message: str) -> None:
    with pytest.raises(CircuitError) as error:
        Circuit(nodes, wires)
    assert message in str(error.value)


def test_the_element_of_an_array_that_is_wrong_is_named() -> None:
    class PerUnit(Sum):
        decay: Param = parameter(default=1.0, unit="ms", gt=0, dims="unit")

    with pytest.raises(CircuitError, match=r"^a\.decay\[3\] must be > 0 ms, got -1\.5\.$"):
        Circuit({"a": PerUnit(4, decay=[1, 2, 3, -1.5])})


def test_start_values_that_cannot_be_are_refused() -> None:
    with pytest.raises(CircuitError, match=r"start\['a.total'\]\[1\] must be a number, got nan"):
        Circuit({"a": Sum(2)}, start={"a.total": [1.0, np.nan]})
    with pytest.raises(CircuitError, match=r"delayed\('a.y', '1ms'\): a delay must be a number of milliseconds"):
        delayed("a.y", "1ms")  # type: ignore[arg-type]
    with pytest.raises(CircuitError, match="unknown state or output 'a.totl'. Did you mean 'a.total'"):
        Circuit({"a": Sum(1)}, start={"a.totl": 1.0})
    with pytest.raises(CircuitError, match="start value for 'a.y': only states"):
        Circuit({"a": Sum(1)}, start={"a.y": 1.0})
    with pytest.raises(CircuitError, match=r"start\['a.total'\].std must be >= 0, got -1"):
        Circuit({"a": Sum(1)}, start={"a.total": Gaussian(std=-1.0)})
    with pytest.raises(CircuitError, match=r"start\['a.total'\] must be a number, an array or an initialiser, got 'x'"):
        Circuit({"a": Sum(1)}, start={"a.total": "x"})


def test_what_is_wrong_before_the_first_step_is_said_there() -> None:
    with pytest.raises(CircuitError, match=r"^start\['a.total'\]: given values have the shape \(2,\), expected \(3,\)"):
        Circuit({"a": Sum(3)}, start={"a.total": [1.0, 2.0]}).init(key=KEY, dt=1.0)
    circuit = Circuit({"s": Source(1), "a": Sum(1)}, {"a.x": delayed("s.y", 1.5)})
    with pytest.raises(CircuitError, match="a delay of 1.5 ms is not a positive whole number of steps of 1 ms"):
        circuit.init(key=KEY, dt=1.0)
    for dt in (0.0, -1.0, float("nan"), "1"):
        with pytest.raises(CircuitError, match="dt must be a number > 0 ms, got"):
            circuit.init(key=KEY, dt=dt)  # type: ignore[arg-type]
    with pytest.raises(CircuitError, match=r"a.gain is a distribution: draw it first with circuit.realise\(key\)"):
        Circuit({"a": Sum(1, gain=Constant(2.0))}).init(key=KEY, dt=1.0)
    parts = CurrentNormalised(release=CurrentNormalised(Uniform(1.0, 2.0)))
    circuit = Circuit({"ff": Synapse(Full(2, 2), weights=Uniform(), release=parts)})
    message = r"^ff\.release\.release\.norm is a distribution: draw it first with circuit.realise\(key\)"
    with pytest.raises(CircuitError, match=message):
        circuit.init(key=KEY, dt=1.0)
    assert circuit.realise(KEY).init(key=KEY, dt=1.0)["ff"].w.shape == (2, 2)


class Needs(Component):
    """Cannot do without its input."""

    class In(Ports):
        x: Float[Array, "*batch"] = port()

    def advance(self, s: Any, x: Any, tick: Tick) -> Any:
        return s, self.Out()


def test_inputs_are_checked() -> None:
    circuit = Circuit({"n": Needs(), "a": Sum(3), "s": Source(3)}, {"a.after": "s.y"})
    state = circuit.init(key=KEY, dt=1.0)
    with pytest.raises(CircuitError, match="nothing feeds 'n.x': wire it, or give it in inputs="):
        circuit.step(state, Tick(0, 1.0, KEY))
    with pytest.raises(CircuitError, match="unknown input 'n.y'. Did you mean 'n.x'"):
        circuit.step(state, Tick(0, 1.0, KEY), {"n.y": 1.0})
    with pytest.raises(CircuitError, match=r"a.x brings an array of shape \(2,\); expected \(3,\) \('unit',\)"):
        circuit.step(state, Tick(0, 1.0, KEY), {"n.x": 1.0, "a.x": jnp.ones(2)})
    with pytest.raises(CircuitError, match="'a.after' is wired already and takes one value"):
        circuit.step(state, Tick(0, 1.0, KEY), {"n.x": 1.0, "a.after": 1.0})


class Liar(Component):
    """Breaks one promise about what it returns."""

    how: str = static()

    class State(Ports):
        v: Float[Array, "*batch three"] = port()

    class Out(Ports):
        y: Float[Array, "*batch three"] = port()

    def dims(self) -> Any:
        return {"three": 3}

    def advance(self, s: Any, x: Any, tick: Tick) -> Any:
        if self.how == "state alone":
            return s
        if self.how == "type":
            return (s.v,), self.Out(y=s.v)
        if self.how == "dtype":
            return self.State(v=s.v.astype(int)), self.Out(y=s.v)
        if self.how == "state shape":
            return self.State(v=s.v[..., :2]), self.Out(y=s.v)
        if self.how == "nothing":
            return self.State(v=None), self.Out(y=s.v)
        return s, self.Out(y=s.v[..., :1])


@pytest.mark.parametrize(
    "how, message",
    [
        ("state alone", "advance of 'l' must return (State, Out), got State."),
        ("type", "advance of 'l' must return Liar.State, got tuple."),
        ("nothing", "advance of 'l' gave no l.v."),
        ("dtype", "advance of 'l' gave l.v as int32, declared Float (float32)."),
        ("state shape", "advance of 'l' gave l.v the shape (2, 2), declared (2, 3) (batch, three)."),
        ("out shape", "advance of 'l' gave l.y the shape (2, 1), declared (2, 3) (batch, three)."),
    ],
)
def test_a_component_that_does_not_return_what_it_declares_is_named(how: str, message: str) -> None:
    circuit = Circuit({"l": Liar(how)})
    with pytest.raises(CircuitError) as error:
        circuit.step(circuit.init(key=KEY, dt=1.0, batch=2), Tick(0, 1.0, KEY, (2,)))
    assert str(error.value) == message


def test_parameters_that_do_not_exist_cannot_be_replaced() -> None:
    circuit = Circuit({"a": Sum(1)})
    for path, message in (
        ("b.gain", "'b.gain' names no parameter: no node 'b'. Available: a."),
        ("a.gian", "'a.gian' names no parameter: no field 'gian'. Did you mean 'gain'?"),
        ("a.n", "'a.n' is static (it decides a shape or a branch): build another circuit to change it."),
    ):
        with pytest.raises(CircuitError) as error:
            circuit.with_parameters({path: 1.0})
        assert str(error.value) == message


def test_a_bias_may_be_zero_or_an_array() -> None:
    for bias in (0.0, [1.0, 2.0]):
        circuit = Circuit({"s": Synapse(Full(3, 2), bias=bias)})
        assert np.array_equal(circuit.init(key=KEY, dt=1.0)["s"].b, np.broadcast_to(bias, 2))


def test_delays_that_differ_in_the_last_digit_have_lines_of_their_own() -> None:
    wires = {"a.x": delayed("s.y", 12345.6), "b.x": delayed("s.y", 12345.64)}
    assert len(Circuit({"s": Source(1), "a": Sum(1), "b": Sum(1)}, wires).components) == 5


def test_a_thousand_nodes_are_built_and_a_wrong_name_is_found_among_them_quickly() -> None:
    name = "n" * 140
    nodes = {f"{name}{i}": Sum(1) for i in range(1000)}
    wires = {f"{name}{i}.x": delayed(f"{name}{i - 1}.y", 1.0) for i in range(1, 1000)}
    Circuit(nodes, wires)
    with pytest.raises(CircuitError, match="unknown state or output"):
        Circuit(nodes, {f"{name}0.x": f"{name}1.z"})


def test_a_circuit_shows_its_nodes_wires_and_start_values() -> None:
    inner = Circuit({"a": Sum(1)}, {"a.x": delayed("a.y", 1.5)})
    circuit = Circuit({"s": Source(1), "in": inner}, {"in.a.after": "s.y"}, start={"in.a.total": 2.0})
    assert repr(circuit) == (
        "Circuit(\n  s: Source(n=1)\n  in: Circuit(\n    a: Sum(n=1)\n    a.x <- delayed(a.y, 1.5 ms)\n  )\n"
        "  in.a.after <- s.y\n  in.a.total starts at Constant(value=2.0)\n)"
    )


def test_replaced_parameters_are_checked_like_given_ones() -> None:
    circuit = Circuit({"a": Sum(3), "s": Source(3)}, {"a.x": "s.y"})
    assert np.array_equal(ran(circuit.with_parameters({"a.gain": [1, 2, 3]}), 1)[0]["a"].total, [1.0, 2.0, 3.0])
    for value, message in ((-1, "a.tau must be > 0 ms, got -1."), ("x", "a.tau must be a number, an array or an init")):
        with pytest.raises(CircuitError) as error:
            circuit.with_parameters({"a.tau": value})
        assert message in str(error.value)
