"""Model files: the same circuit comes back, exactly; whatever is wrong is said with its path; nothing is executed."""

import copy
import hashlib
import inspect
import io
import json
import math
import os
import pickle
import random
import re
import time
import zipfile
from pathlib import Path
from typing import Any, Literal

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from bouton import Circuit, Given, ModelError, PluginSet, Ports, Synapse, Tick, Uniform, delayed, load, save
from bouton._formats import MAX_BYTES, parse
from bouton._model import from_dict, to_dict
from bouton._plain import MAX_VALUES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jaxtyping import Array, Float

FORMATS = ("json", "yaml", "yml", "toml")
INF = math.inf


class Leaky(bouton.Component):
    """A cell with each sort of field."""

    n_units: int | tuple[int, ...] = bouton.static(dim="unit")
    tau: bouton.Param = bouton.parameter(default=20.0, unit="ms", gt=0, dims="unit")
    tau_theta: bouton.Param = bouton.parameter(default=100.0, unit="ms", gt=0, infinite=True)
    ceiling: bouton.Param | None = bouton.parameter(default=1.0, dims="unit")
    mode: Literal["soft", "hard"] = bouton.static(default="soft")
    label: str | None = bouton.static(default=None)
    clamp: bool = bouton.static(default=False)
    ratio: float = bouton.static(default=0.5)
    knots: tuple[float, ...] = bouton.static(default=())
    surrogate: bouton.Surrogate = bouton.Arctan()

    class In(Ports):
        j: Float[Array, "*batch unit"] = bouton.port(reduce="sum", default=0.0)

    class State(Ports):
        v: Float[Array, "*batch unit"] = bouton.port("mV")

    class Out(Ports):
        s: Float[Array, "*batch unit"] = bouton.port(spikes=True)

    def advance(self, s: Any, x: Any, tick: Tick) -> Any:
        v = s.v + tick.dt / self.tau * (x.j - s.v) * self.ratio
        out = bouton.spike(v - (1.0 if self.ceiling is None else self.ceiling), self.surrogate)
        return self.State(v=jnp.where(out > 0, 0.0, v)), self.Out(s=out)


class Full(bouton.Topology):
    n_pre: int = bouton.static(dim="pre")
    n_post: int = bouton.static(dim="post")

    def dims(self) -> dict[str, Any]:
        pre, post = {"pre": self.n_pre}, {"post": self.n_post}
        return {"pre": pre, "post": post, "weights": pre | post}

    def apply(self, w: Any, x: Any) -> Any:
        return x @ w


class Hebb(bouton.Rule):
    rate: bouton.Param = bouton.parameter(default=0.01)

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> Any:
        return s, (bouton.Term(pre, post, self.rate),)


class Faded(bouton.Release):
    factor: bouton.Param = bouton.parameter(default=0.5, ge=0, le=1)

    def advance(self, s: Any, topology: Any, w: Any, pre: Any, x: Any, tick: Tick) -> Any:
        return s, topology.apply(w, self.factor * pre)


class Slippery(bouton.Component):
    """Fields that plain data cannot tell apart, or do not allow."""

    size: float | str = bouton.static(default=1.0)
    type: int = bouton.static(default=0)


class Vague(bouton.Component):
    size: float | str = bouton.static(default=1.0)
    option: str | None = bouton.static(default="x")


class Fragile(bouton.Component):
    n_units: int = bouton.static(dim="unit")

    def __post_init__(self) -> None:
        raise ZeroDivisionError("a plugin's own mistake")


class Nowhere(bouton.Component):
    """Registered by nobody."""


def FullSynapse(n_pre: int, n_post: int, *, low: float = 0.0, shape: tuple[int, ...] = ()) -> Synapse:
    return Synapse(Full(n_pre, n_post), weights=Uniform(low, 1.0))


def NoComponent() -> Full:
    return Full(1, 1)


NAMES = {
    "component": {c.__name__: c for c in (Leaky, Slippery, Vague, Fragile)},
    "recipe": {"FullSynapse": FullSynapse, "NoComponent": NoComponent},
    "topology": {"Full": Full},
    "rule": {"Hebb": Hebb},
    "release": {"Faded": Faded},
}
LOCAL = PluginSet.discover() | PluginSet.of(NAMES)


@pytest.fixture(autouse=True, scope="module")
def registered():
    with LOCAL.use():
        yield


def rich() -> Circuit:
    """A circuit with everything: a nested one, delays, parts, start values, arrays of several sizes and dtypes."""
    column = Circuit(
        nodes={"cell": Leaky((2, 3), mode="hard", ceiling=None), "own": Synapse(Full(6, 6), weights=0.25)},
        wires={"own.pre": delayed("cell.s", 0.5), "cell.j": "own.current"},
        start={"cell.v": [0.1, 0.2, 0.3, 1 / 3, 0.5, 0.7]},
    )
    return Circuit(
        nodes={
            "in put": Leaky(12, tau=np.linspace(1, 2, 12), tau_theta=INF, knots=(INF, 0.1), label="none"),
            "ff": Synapse(
                Full(12, 6),
                weights=jnp.asarray(np.random.default_rng(0).random((12, 6)), jnp.float32),
                gain=Uniform(0.9, 1.1),
                bias=0.1,
                release=Faded(0.75),
                plasticity=Hebb(),
                constraints=(bouton.Clip(0, None), bouton.Normalise(2.0, when="tick")),
            ),
            "column": column,
            "out": Leaky(6, tau=1.0, ceiling=0.1, surrogate=bouton.Triangular(0.5)),
        },
        wires={
            "ff.pre": delayed("in put.s", 1.5),
            "column.cell.j": ["ff.current", "ff.current"],
            "out.j": [delayed("column.own.current", 1.0), "column.own.current", delayed("column.own.current", 2.0)],
            "ff.post": "column.cell.s",
        },
        start={"in put.v": Uniform(0, 2), "column.cell.v": 0.5},
    )


def stepped(circuit: Circuit, n: int = 6) -> Any:
    key = jax.random.key(1)
    circuit = circuit.realise(key)
    state = circuit.init(key=key, dt=0.5)
    seen = []
    for step in range(n):
        tick = Tick(step=jnp.asarray(step), dt=0.5, key=key)
        state, out = circuit.step(state, tick, {"in put.j": jnp.linspace(1.0, 9.0, 12)})
        seen.append((state, out))
    return seen


def same_steps(a: Circuit, b: Circuit) -> None:
    left, right = jax.tree.leaves(stepped(a)), jax.tree.leaves(stepped(b))
    assert len(left) == len(right)
    assert all(np.array_equal(x, y) for x, y in zip(left, right, strict=True))


# ---- the same circuit comes back -------------------------------------------------------------------------------------


def test_data_say_only_what_differs_from_defaults():
    circuit = Circuit(
        nodes={
            "a": Leaky(3, tau=5, tau_theta=INF, ceiling=None),
            "b": Synapse(Full(3, 2), constraints=(bouton.Clip(),)),
        },
        wires={"b.pre": [delayed("a.s", 2)]},
        start={"a.v": -1},
    )
    assert circuit.to_dict() == {
        "bouton": 1,
        "nodes": {
            "a": {"type": "Leaky", "n_units": 3, "tau": 5.0, "tau_theta": "inf", "ceiling": None},
            "b": {
                "type": "Synapse",
                "topology": {"type": "Full", "n_pre": 3, "n_post": 2},
                "constraints": [{"type": "Clip"}],
            },
        },
        "wires": {"b.pre": {"delayed": "a.s", "ms": 2.0}},
        "start": {"a.v": -1.0},
    }


def test_with_defaults_data_keep_their_meaning_when_a_default_changes():
    circuit, arrays = rich(), {}
    data = to_dict(circuit, arrays, defaults=True)
    assert data["nodes"]["out"].keys() == {"type", *inspect.signature(Leaky).parameters}
    assert from_dict(data, arrays) == circuit

    class Other(Leaky):
        clamp: bool = bouton.static(default=True)
        surrogate: bouton.Surrogate = bouton.Triangular()

    later = PluginSet.discover() | PluginSet.of(NAMES | {"component": {"Leaky": Other}})
    node = from_dict(data, arrays, later).nodes["out"]
    assert type(node) is Other and not node.clamp and node.surrogate == bouton.Triangular(0.5)
    assert from_dict(data, arrays, later).nodes["in put"].surrogate == bouton.Arctan()
    assert from_dict(circuit.to_dict(arrays), arrays, later).nodes["in put"].surrogate == bouton.Triangular()


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_loaded_circuit_takes_the_same_steps(tmp_path, suffix):
    original, file = rich(), tmp_path / f"model.{suffix}"
    save(original, file)
    loaded = load(file)
    before: dict = {}
    after: dict = {}
    assert original.to_dict(before) == loaded.to_dict(after)
    assert list(original.nodes) == list(loaded.nodes)
    assert before.keys() == after.keys() and len(before) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted({"model.arrays.npz", file.name})
    same_steps(original, loaded)


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
ANY_FLOATS = st.floats(allow_nan=False)
RANGES = st.tuples(FLOATS, FLOATS).map(lambda ends: Uniform(*sorted(ends)))
TAUS = st.floats(min_value=5e-324, max_value=1.7e308)
TEXT = st.text(max_size=12) | st.sampled_from(
    ["none", "inf", "-inf", "null", "on", "1e3", "2001-01-01", "=", "<<", "~"]
)
NODE_NAMES = TEXT.filter(lambda s: s and "." not in s and "/" not in s)


@st.composite
def cells(draw: st.DrawFn) -> Any:
    """How to make a cell, and the names of its components: one, that of the node itself."""
    size = draw(st.integers(1, 80) | st.tuples(st.integers(1, 9), st.integers(1, 9)))
    n = math.prod(size) if isinstance(size, tuple) else size
    given = {
        "tau": draw(TAUS | st.lists(TAUS, min_size=n, max_size=n) | RANGES),
        "tau_theta": draw(TAUS | st.just(INF)),
        "ceiling": draw(st.none() | FLOATS | st.lists(FLOATS, min_size=n, max_size=n)),
        "mode": draw(st.sampled_from(["soft", "hard"])),
        "label": draw(st.none() | TEXT),
        "clamp": draw(st.booleans()),
        "ratio": draw(ANY_FLOATS),
        "knots": tuple(draw(st.lists(ANY_FLOATS, max_size=3))),
        "surrogate": draw(st.builds(bouton.Arctan, TAUS) | st.builds(bouton.StraightThrough)),
    }
    return lambda: Leaky(size, **given), [""]


@st.composite
def circuits(draw: st.DrawFn, depth: int = 2) -> Any:
    """How to make a circuit, and the names of its components."""
    nodes = draw(st.dictionaries(NODE_NAMES, cells() | circuits(depth - 1) if depth else cells(), max_size=3))
    names = [f"{name}.{inner}".rstrip(".") for name, (_, within) in nodes.items() for inner in within]
    lags = st.lists(st.floats(0.5, 99.0), min_size=1, max_size=2)
    wires = {f"{n}.j": [delayed(f"{n}.s", ms) for ms in draw(lags)] for n in names if draw(st.booleans())}
    start = {f"{n}.v": draw(FLOATS | RANGES) for n in names if draw(st.booleans())}
    return lambda: Circuit({name: make() for name, (make, _) in nodes.items()}, wires, start), names


def exactly(circuit: Circuit) -> tuple[Any, ...]:
    """Everything that a circuit is, comparable bit by bit; but for the order of wires and start values (TOML's own)."""
    leaves = jax.tree_util.tree_leaves_with_path(circuit)
    arrays = {jax.tree_util.keystr(path): (np.shape(x), np.asarray(x, np.float64).tobytes()) for path, x in leaves}
    return arrays, list(circuit.nodes), dict(circuit.wires), json.dumps(to_dict(circuit, {}), sort_keys=True)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(made=circuits(), suffix=st.sampled_from(FORMATS))
def test_every_circuit_comes_back_exactly(tmp_path_factory, made, suffix):
    circuit = made[0]()
    file = tmp_path_factory.mktemp("model") / f"m.{suffix}"
    save(circuit, file)
    assert exactly(load(file)) == exactly(circuit)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int32", "uint8", "bool"])
@pytest.mark.parametrize("size", [8, 64, 65])
def test_arrays_of_every_size_and_dtype(tmp_path, dtype, size):
    values = (np.arange(size) % 2 / 3 if dtype.startswith("float") else np.arange(size) % 2).astype(dtype)
    circuit = Circuit({"syn": Synapse(Full(1, size), weights=Given(values[None]))})
    arrays: dict = {}
    assert bool(circuit.to_dict(arrays) and arrays) == (size > 64)
    for suffix in FORMATS:
        save(circuit, tmp_path / f"{suffix}-{dtype}-{size}.{suffix}")
        loaded: Any = load(tmp_path / f"{suffix}-{dtype}-{size}.{suffix}")
        found = loaded.nodes["syn"].weights.values
        assert found.dtype == values.dtype and np.array_equal(found, values[None])


def test_arrays_of_either_order_and_byte_order_have_one_name():
    values = np.arange(100.0).reshape(10, 10) / 7
    names = set()
    for array in (values, np.asfortranarray(values), values.astype(">f8")):
        arrays: dict = {}
        Circuit({"syn": Synapse(Full(10, 10), weights=Given(array))}).to_dict(arrays)
        names |= arrays.keys()
    assert names == {hashlib.sha256(b"<f8[10, 10]" + values.tobytes()).hexdigest()}


def test_a_recipe_makes_a_node_and_is_saved_as_what_it_made():
    data = {
        "bouton": 1,
        "nodes": {"syn": {"type": "FullSynapse", "n_pre": 2, "n_post": 3, "low": "-inf", "shape": [1]}},
    }
    expected = {"type": "Synapse", "topology": {"type": "Full", "n_pre": 2, "n_post": 3}}
    data["nodes"]["syn"]["low"] = 0.5
    made = from_dict(data).to_dict()["nodes"]["syn"]
    assert made == {**expected, "weights": {"type": "Uniform", "low": 0.5}}


def test_names_are_looked_up_in_the_given_plugins():
    other = PluginSet.of({"component": {"Cell": Leaky}}, dist="other")
    data = {"bouton": 1, "nodes": {"a": {"type": "Cell", "n_units": 1}, "b": {"type": "other/Cell", "n_units": 1}}}
    assert {type(c) for c in from_dict(data, plugins=other).components.values()} == {Leaky}
    with pytest.raises(ModelError, match="no installed plugin provides the component 'Cell'"):
        from_dict(data)


def test_words_stand_for_numbers_and_none_where_text_does_not_fit():
    cell = {"type": "Leaky", "n_units": 1, "tau_theta": "inf", "ceiling": "none", "label": "inf", "knots": ["-inf", 2]}
    made: Any = from_dict({"bouton": 1, "nodes": {"a": cell | {"ratio": 2}}}).nodes["a"]
    assert (made.tau_theta, made.ceiling, made.label, made.knots, made.ratio) == (INF, None, "inf", (-INF, 2.0), 2.0)
    assert type(made.ratio) is float


def test_numbers_as_people_write_them_in_yaml():
    text = """
    bouton: 1
    nodes:
      on: {type: Leaky, n_units: 07, tau: 1e3, tau_theta: .inf, ceiling: ~, label: 2001-01-01}
    """
    made: Any = from_dict(parse(text, ".yaml")).nodes["on"]
    assert (made.n_units, made.tau, made.tau_theta, made.ceiling, made.label) == (7, 1000.0, INF, None, "2001-01-01")


# ---- what cannot be written ------------------------------------------------------------------------------------------


def refuses_to_write(circuit: Circuit, message: str, **arguments: Any) -> None:
    with pytest.raises(ModelError, match=re.escape(message)):
        to_dict(circuit, **arguments)


def test_a_class_that_nobody_registers_is_refused_with_what_to_do():
    refuses_to_write(Circuit({"x": Nowhere()}), "nodes.x: ")
    refuses_to_write(Circuit({"x": Nowhere()}), "Register it in a plugin")


def test_a_large_array_needs_a_place():
    circuit = Circuit({"a": Leaky(65, tau=np.ones(65))})
    refuses_to_write(circuit, "nodes.a.tau: an array of the shape (65,) is kept beside the data: give a dict")
    arrays: dict = {}
    data = to_dict(circuit, arrays)
    with pytest.raises(ModelError, match=r"^nodes\.a\.tau\.array: no array of this hash was given: "):
        from_dict(data)
    with pytest.raises(ModelError, match=r"^nodes\.a\.tau\.array: the array given for this hash has another"):
        from_dict(data, dict.fromkeys(arrays, np.zeros(65)))


def test_what_would_not_come_back_is_refused(tmp_path):
    refuses_to_write(
        Circuit({"x": Vague(INF)}), "nodes.x.size: inf in a field of the type float | str cannot be written"
    )
    refuses_to_write(
        Circuit({"x": Slippery()}), "nodes.x.type: a field of this name cannot be written; Slippery has to"
    )
    # such a circuit cannot be built, but come out of a transformation
    for circuit in (
        Circuit({"x": Leaky(2)}),
        Circuit({"x": Synapse(Full(1, 2), weights=Given(np.array([[1.0, 2.0]])))}),
    ):
        with pytest.raises(ModelError, match=r"^nodes\.x\.\w+: nan cannot be written"):
            jax.tree.map(lambda leaf: leaf * math.nan, circuit).to_dict()
    none = Circuit({"x": Vague(option=None)})  # a null in JSON and YAML; in TOML the word, which is an option here
    for suffix in ("json", "yaml"):
        save(none, tmp_path / f"m.{suffix}")
        assert exactly(load(tmp_path / f"m.{suffix}")) == exactly(none)
    with pytest.raises(ModelError, match=r"\.toml cannot hold this circuit exactly: use \.yaml or \.json"):
        save(none, tmp_path / "m.toml")
    assert not (tmp_path / "m.toml").exists()


def test_an_integer_where_a_float_is_wanted_is_written_as_one():
    class Window(bouton.Component):
        """A window."""

        length: float = bouton.static(default=4.0)
        period: float | None = bouton.static(default=None)
        sizes: tuple[float, ...] = bouton.static(default=())

    with (PluginSet.discover() | PluginSet.of({"component": {"Window": Window}})).use():
        circuit = Circuit({"a": Window(length=5, period=2, sizes=(1, 2.5))})
        data = circuit.to_dict()
        assert data["nodes"]["a"] == {"type": "Window", "length": 5.0, "period": 2.0, "sizes": [1.0, 2.5]}
        assert Circuit.from_dict(json.loads(json.dumps(data))) == circuit


def test_inside_jit_there_are_no_values_to_write():
    circuit = Circuit({"a": Leaky(2)})
    with pytest.raises(ModelError, match=r"^nodes\.a\.tau: .* cannot be written as plain data"):
        jax.jit(lambda tau: to_dict(circuit.with_parameters({"a.tau": tau})) and tau)(1.0)


# ---- what cannot be read ---------------------------------------------------------------------------------------------

CELL = {"type": "Leaky", "n_units": 2}
SYNAPSE = {"type": "Synapse", "topology": {"type": "Full", "n_pre": 2, "n_post": 2}}


def model(**changes: Any) -> dict[str, Any]:
    base = {"bouton": 1, "nodes": {"exc": CELL, "syn": SYNAPSE}, "wires": {"syn.pre": "exc.s"}}
    return copy.deepcopy(base | changes)


def cell(**changes: Any) -> dict[str, Any]:
    return model(nodes={"exc": CELL | changes}, wires={})


def synapse(**changes: Any) -> dict[str, Any]:
    return model(nodes={"syn": SYNAPSE | changes}, wires={})


def wired(target: str, source: Any) -> dict[str, Any]:
    return model(wires={"syn.pre": "exc.s", target: source})


def nested(depth: int) -> Any:
    return [] if depth == 0 else [nested(depth - 1)]


WRONG = {
    # the whole
    "no mapping": ([], "the model: must be a mapping with 'bouton', 'nodes' and 'wires', got []."),
    "no form": (
        {"nodes": {}},
        "bouton: must be 1, the form of model that this version of bouton reads, but it is missing",
    ),
    "newer form": (model(bouton=2), "bouton: must be 1, the form of model that this version of bouton reads, got 2."),
    "true for 1": (model(bouton=True), "bouton: must be 1, "),
    "unknown section": (model(wire={}), "wire: there is no such field. Did you mean 'wires'?"),
    "no nodes": ({"bouton": 1}, "nodes: is missing and has no default."),
    "nodes a list": (model(nodes=[CELL]), "nodes: must be a mapping, got [{"),
    # nodes
    "node a number": (model(nodes={"exc": 3}, wires={}), "nodes.exc: must be a mapping, got 3."),
    "no type": (
        model(nodes={"exc": {"n_units": 2}}),
        "nodes.exc.type: must be the name of a component or recipe, but it is",
    ),
    "type a list": (cell(type=["Leaky"]), "nodes.exc.type: must be the name of a component or recipe, got ['Leaky']."),
    "unknown type": (
        cell(type="Leeky"),
        "nodes.exc.type: no installed plugin provides the component 'Leeky'. Did you mean 'Leaky'?",
    ),
    "import path": (cell(type="os:system"), "nodes.exc.type: no installed plugin provides the component 'os:system'."),
    "no such dist": (
        cell(type="some-dist/Leaky"),
        "nodes.exc.type: no installed plugin provides the component 'some-dist/Leaky'.",
    ),
    "not a component": (
        model(nodes={"exc": {"type": "NoComponent"}}),
        "nodes.exc: 'NoComponent' makes a Full; expected a",
    ),
    "topology as node": (
        cell(type="Full"),
        "nodes.exc.type: no installed plugin provides the component 'Full'. 'Full' is of the kind 'topology'.",
    ),
    "bad name": (model(nodes={"a.b": CELL}, wires={}), "nodes.\"a.b\": 'a.b' cannot name a node"),
    "plugin's mistake": (
        model(nodes={"x": {"type": "Fragile", "n_units": 1}}),
        "nodes.x: ZeroDivisionError: a plugin's own",
    ),
    "unknown argument": (
        model(nodes={"x": {"type": "FullSynapse", "n_pri": 1}}),
        "nodes.x.n_pri: there is no such field. Did you mean 'n_pre'?",
    ),
    # fields
    "unknown field": (cell(tau_n=1.0), "nodes.exc.tau_n: there is no such field. Did you mean 'tau'?"),
    "missing field": (model(nodes={"exc": {"type": "Leaky"}}), "nodes.exc.n_units: is missing and has no default."),
    "text for number": (cell(tau="20"), "nodes.exc.tau: must be a number, got '20'."),
    "bool for number": (cell(tau=True), "nodes.exc.tau: must be a number, got True."),
    "none for number": (
        cell(tau=None),
        "nodes.exc.tau: must be a number, an array, an initialiser {type: ...}, got None.",
    ),
    "out of range": (cell(tau=-1.5), "nodes.exc.tau: must be > 0 ms, got -1.5."),
    "one out of range": (cell(tau=[1.0, 0.0]), "nodes.exc.tau[1]: must be > 0 ms, got 0."),
    "wrong shape": (
        cell(tau=[1.0, 1.0, 1.0]),
        "nodes.exc.tau: must be a single number or an array of shape (2,) (unit), got an",
    ),
    "ragged": (cell(tau=[[1.0], [1.0, 2.0]]), "nodes.exc.tau: cannot be an array: its rows must have one length"),
    "text in array": (cell(tau=[1.0, "x"]), "nodes.exc.tau.1: must be a number, got 'x'."),
    "nan": (cell(tau=math.nan), "nodes.exc.tau: must be a number, got nan."),
    "infinite": (cell(tau="inf"), "nodes.exc.tau: must be finite, got inf."),
    "text for size": (cell(n_units="2"), "nodes.exc.n_units: must be int | tuple[int, ...], got '2'."),
    "float for size": (cell(n_units=2.0), "nodes.exc.n_units: must be int | tuple[int, ...], got 2.0."),
    "true for size": (cell(n_units=True), "nodes.exc.n_units: must be int | tuple[int, ...], got True."),
    "text in size": (
        cell(n_units=[2, 2, 2, 2, "2", 2]),
        "nodes.exc.n_units: must be int | tuple[int, ...], got [2, 2, ",
    ),
    "zero size": (cell(n_units=0), "nodes.exc.n_units: is a size: it must be at least 1, got 0."),
    "1 for true": (cell(clamp=1), "nodes.exc.clamp: must be bool, got 1."),
    "no option": (
        cell(mode="heard"),
        "nodes.exc.mode: must be one of 'soft', 'hard', got 'heard'. Did you mean 'hard'?",
    ),
    "huge integer": (
        cell(n_units=2**63),
        "nodes.exc.n_units: an integer must lie within 64 bits, got 9223372036854775808.",
    ),
    "bad distribution": (cell(tau={"type": "Gaussian", "std": -1}), "nodes.exc.tau.std: must be >= 0, got -1."),
    # parts
    "wrong kind": (
        synapse(plasticity={"type": "Full", "n_pre": 1, "n_post": 1}),
        "nodes.syn.plasticity.type: no installed plugin provides the rule 'Full'. 'Full' is of the kind 'topology'.",
    ),
    "rule for topology": (
        synapse(topology={"type": "Hebb"}),
        "nodes.syn.topology.type: no installed plugin provides the topology 'Hebb'. 'Hebb' is of the kind 'rule'.",
    ),
    "number for part": (synapse(topology=1.0), "nodes.syn.topology: must be a topology {type: ...}, got 1.0."),
    "inner field": (
        synapse(topology={"type": "Full", "n_pre": 2, "n_post": "2"}),
        "nodes.syn.topology.n_post: must be int, got '2'.",
    ),
    "inner range": (
        synapse(release={"type": "Faded", "factor": 2.0}),
        "nodes.syn.release.factor: must be >= 0 and <= 1, got 2.",
    ),
    "no list": (
        synapse(constraints={"type": "Clip"}),
        "nodes.syn.constraints: must be a list, each a constraint {type: ...}, got",
    ),
    "in a list": (
        synapse(constraints=[{"type": "Clip"}, {"type": "Clop"}]),
        "nodes.syn.constraints.1.type: no installed plugin provides the constraint 'Clop'. Did you mean 'Clip'?",
    ),
    "range in a list": (
        synapse(constraints=[{"type": "Normalise", "total": 0}]),
        "nodes.syn.constraints.0.total: must be > 0, got 0.",
    ),
    "text for weights": (synapse(weights="many"), "nodes.syn.weights: must be a number, got 'many'."),
    "bad initialiser": (
        cell(tau={"type": "Gaussian", "sdt": 1}),
        "nodes.exc.tau.sdt: there is no such field. Did you mean 'std'?",
    ),
    # arrays
    "bad reference": (
        synapse(weights={"array": "sha256:../../etc/passwd"}),
        "nodes.syn.weights.array: must be a list, or 'sha256:' and 64 hex digits",
    ),
    "absent array": (
        synapse(weights={"array": "sha256:" + "0" * 64}),
        "nodes.syn.weights.array: no array of this hash was given: 000",
    ),
    "bad dtype": (
        synapse(weights={"array": [1.0], "dtype": "object"}),
        "nodes.syn.weights.dtype: must be the name of a dtype, got 'object'.",
    ),
    "inexact": (
        synapse(weights={"array": [[1.5]], "dtype": "int32"}),
        "nodes.syn.weights.array.0.0: must be of the type int, got 1.5.",
    ),
    "overflow": (
        synapse(weights={"array": [[300]], "dtype": "uint8"}),
        "nodes.syn.weights.array: cannot be an array: ",
    ),
    "float overflow": (
        synapse(weights={"array": [[1e300]], "dtype": "float32"}),
        "nodes.syn.weights.array: cannot be an array: ",
    ),
    # wires and start
    "wires a list": (model(wires=[]), "wires: must be a mapping, got []."),
    "unknown source": (
        wired("exc.j", "exc.spikes"),
        "wires.\"exc.j\": wire into 'exc.j' from unknown state or output 'exc.spikes'.",
    ),
    "unknown target": (
        wired("exc.jj", "syn.current"),
        "wires.\"exc.jj\": wire into unknown input 'exc.jj'. Did you mean 'exc.j'?",
    ),
    "wrong unit": (wired("exc.j", "exc.v"), 'wires."exc.j": exc.v [mV] is wired into exc.j [1]: the units differ.'),
    "source a number": (
        wired("exc.j", 1),
        "wires.\"exc.j\": must be a name such as 'exc.s', or {delayed: 'exc.s', ms: 1.5}, got 1.",
    ),
    "source in a list": (wired("exc.j", ["exc.s", None]), "wires.\"exc.j\".1: must be a name such as 'exc.s'"),
    "no source": (wired("exc.j", []), 'wires."exc.j": has no source: name one, or leave the wire out.'),
    "two into one": (
        wired("syn.pre", ["exc.s", "exc.s"]),
        "wires.\"syn.pre\": 'syn.pre' takes one wire but has 2: exc.s, exc.s.",
    ),
    "delay without ms": (wired("exc.j", {"delayed": "exc.s"}), 'wires."exc.j".ms: is missing and has no default.'),
    "delay in text": (
        wired("exc.j", {"delayed": "exc.s", "ms": "1"}),
        "wires.\"exc.j\".ms: must be a number, got '1'.",
    ),
    "delayed number": (
        wired("exc.j", {"delayed": 1, "ms": 1}),
        "wires.\"exc.j\".delayed: must be a name such as 'exc.s', got 1.",
    ),
    "no delay": (
        wired("exc.j", {"delayed": "exc.s", "ms": 0}),
        "wires.\"exc.j\": delayed('exc.s', 0): a delay must be > 0 ms",
    ),
    "loop": (wired("exc.j", "syn.current"), "wires: these nodes need each other within one step: "),
    "unknown start": (
        model(start={"exc.u": 1.0}),
        "start.\"exc.u\": unknown state or output 'exc.u'. Did you mean 'exc.v'?",
    ),
    "start of output": (model(start={"exc.s": 1.0}), "start.\"exc.s\": start value for 'exc.s': only states"),
    "start in text": (model(start={"exc.v": "rest"}), "start.\"exc.v\": must be a number, got 'rest'."),
    "bad start": (model(start={"exc.v": {"type": "Gaussian", "std": -1}}), 'start."exc.v".std: must be >= 0, got -1.'),
    "infinite start": (model(start={"exc.v": "inf"}), 'start."exc.v".value: must be finite, got inf.'),
    # nested circuits
    "inner wire": (
        model(nodes={"col": {"type": "Circuit", "nodes": {"exc": CELL}, "wires": {"exc.i": "exc.s"}}}),
        "nodes.col.wires.\"exc.i\": wire into unknown input 'exc.i'.",
    ),
    "inner section": (
        model(nodes={"col": {"type": "Circuit", "bouton": 1, "nodes": {}}}),
        "nodes.col.bouton: there is no such",
    ),
    "circuit as part": (
        synapse(topology={"type": "Circuit", "nodes": {}}),
        "nodes.syn.topology.type: no installed plugin provides",
    ),
    # size
    "deep": (cell(tau=nested(40)), "nodes.exc.tau.0.0"),
    "many": (cell(tau=[0.0] * (MAX_VALUES + 1)), "there are more than 100000 values in one model"),
    "long key": (model(**{"k" * 1000: 1}), "the model: a key must not be longer than 200 characters"),
    "long text": (cell(type="L" * 10_000), "nodes.exc.type: text must not be longer than 1000 characters, got 10000."),
    "key a number": (model(nodes={1: CELL}), "nodes: a key must be text, got 1."),
    "half a character": (model(nodes={"\ud800": CELL}), "nodes: a key must be text that can be written"),
    "an object": (
        cell(tau=object()),
        "nodes.exc.tau: must be a number, text, true, false, a list or a mapping, got <object",
    ),
    "bytes": (cell(type=b"Leaky"), "nodes.exc.type: must be a number, text, "),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_data_are_refused_with_the_path_of_the_field(case):
    data, message = WRONG[case]
    with pytest.raises(ModelError) as e:
        from_dict(data)
    text = str(e.value)
    assert text.startswith(message) if case != "many" else message in text
    assert len(text) < 3000


def test_data_that_hold_themselves_are_refused():
    data = model()
    data["nodes"]["exc"]["tau"] = data
    with pytest.raises(ModelError, match="nested deeper than 32 levels"):
        from_dict(data)


# ---- mutations: an error with a path or a circuit, never anything else, and soon -------------------------------------

PATH = re.compile(
    r"""(the\ model | (?:[\w~-]+|"(?:[^"\\]|\\.)*") (?:\.(?:[\w~-]+|"(?:[^"\\]|\\.)*"))* (?:\[[\d,\ ]*\])? ):\ \S""",
    re.X,
)
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 10**9, 2**62, 10**40, 0.0, -0.0, 0.5, 1e-320, 1e308, math.nan, INF, -INF),
    *(
        "",
        "x",
        "none",
        "inf",
        "exc.s",
        "Leaky",
        "Full",
        "Circuit",
        "Given",
        "__import__('os')",
        "\ud800",
        "é" * 90,
        "y" * 2000,
    ),
    *([], {}, [[]], [{}], [1, 2], [1, [2]], ["a"], [None], {"type": None}, {"type": "Uniform"}, {"type": "Circuit"}),
    *(
        {"array": []},
        {"array": "sha256:"},
        {"delayed": "exc.s", "ms": 1e-300},
        {"delayed": "out.s", "ms": 10**300},
        nested(50),
    ),
    *({1: 2}, {"type": "Synapse", "topology": {"type": "Full", "n_pre": 2**62, "n_post": 2**62}}, b"", 1j, {1, 2}),
]


def places(data: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in nested data."""
    pairs = list(data.items()) if isinstance(data, dict) else list(enumerate(data)) if isinstance(data, list) else []
    return [(data, k) for k, _ in pairs] + [place for _, v in pairs for place in places(v)]


def mutate(rng: random.Random, data: Any) -> None:
    container, key = rng.choice(places(data))
    kind = rng.randrange(5)
    if kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, dict):
        container[rng.choice([key[:-1], key + "x", key.swapcase(), "type", "bouton", ""])] = container.pop(key)
    elif kind == 2:
        container[key] = [container[key]]
    elif kind == 3:
        other, there = rng.choice(places(data))
        container[key] = copy.deepcopy(other[there])
    else:
        container[key] = copy.deepcopy(rng.choice(VALUES))


@pytest.mark.parametrize("seed", range(3))
def test_mutated_data_give_an_error_with_a_path_or_a_circuit(seed):
    rng = random.Random(seed)
    arrays: dict = {}
    valid = to_dict(rich(), arrays)
    errors = 0
    for _ in range(150):
        data = copy.deepcopy(valid)
        for _ in range(rng.choice([1, 1, 1, 2, 5])):
            mutate(rng, data)
        begun = time.perf_counter()
        try:
            circuit = from_dict(data, arrays)
        except ModelError as e:
            errors += 1
            assert PATH.match(str(e)), e
            assert e.__cause__ is None
        else:
            again = to_dict(circuit, store := dict(arrays))
            assert to_dict(from_dict(again, store), {}) == again
        assert time.perf_counter() - begun < 2
    assert 60 < errors < 150  # the mutations are neither harmless nor all fatal


@pytest.mark.parametrize("suffix", FORMATS)
def test_mutated_text_gives_an_error_or_a_circuit(tmp_path, suffix):
    rng = random.Random(suffix)
    file = tmp_path / f"m.{suffix}"
    save(rich(), file)
    text, errors = file.read_text(), 0
    for _ in range(100):
        i, j = sorted(rng.randrange(len(text)) for _ in range(2))
        file.write_text(
            rng.choice(
                [
                    text[:i] + rng.choice("{}[]:,\"'#&*!|-.=\n\t\x000e~") + text[i + 1 :],
                    text[:i] + text[min(j, i + 30) :],
                    text[:j] + text[i:j][:200] + text[j:],
                ]
            )
        )
        try:
            load(file)
        except ModelError as e:
            errors += 1
            assert str(e).startswith(f"{file}: ")
    assert errors > 50


def test_a_large_model_with_a_mistake_is_refused_soon():
    nodes = {f"cell{i}": CELL for i in range(500)}
    wires = {f"{name}.j": [{"delayed": f"{name}.s", "ms": 1}] for name in nodes}
    begun = time.perf_counter()
    with pytest.raises(ModelError, match=r'^wires\."cell500\.j": wire into unknown input'):
        from_dict(model(nodes=nodes, wires=wires | {"cell500.j": "cell1.s"}))
    assert time.perf_counter() - begun < 2


# ---- files -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small() -> Circuit:
    return Circuit({"exc": Leaky(70, tau=np.linspace(1, 2, 70))})


def refuses_to_load(file: Path, message: str) -> None:
    with pytest.raises(ModelError) as e:
        load(file)
    assert str(e.value).startswith(f"{file}: "), e.value
    assert message in str(e.value)


def test_nothing_is_overwritten_unasked(tmp_path, small):
    file, side = tmp_path / "m.json", tmp_path / "m.arrays.npz"
    save(small, file)
    with pytest.raises(ModelError, match=r"m\.json exists already: choose another name, or save with overwrite=True"):
        save(small, file)
    with pytest.raises(ModelError, match=r"m\.arrays\.npz exists already"):
        save(small, tmp_path / "m.yaml")
    before = file.read_bytes(), side.read_bytes()
    other = Circuit({"exc": Leaky(70, tau=np.linspace(2, 3, 70))})
    save(other, file, overwrite=True)
    assert exactly(load(file)) == exactly(other) != exactly(small)
    assert before[0] != file.read_bytes() and before[1] != side.read_bytes()


def test_a_save_that_fails_leaves_what_was_there(tmp_path, small, monkeypatch):
    file = tmp_path / "m.json"
    save(small, file)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(ModelError, match=r"m\.json cannot be written: No space left on device"):
        save(Circuit({"exc": Leaky(70, tau=np.ones(70))}), file, overwrite=True)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_unusable_paths(tmp_path, small):
    with pytest.raises(ModelError, match=r"unknown suffix '\.jsn' of a model file.* Did you mean '\.json'\?"):
        save(small, tmp_path / "m.jsn")
    with pytest.raises(ModelError, match=r"unknown suffix '\.jsn'"):
        load(tmp_path / "m.jsn")
    with pytest.raises(ModelError, match=r"cannot be written: No such file or directory"):
        save(small, tmp_path / "nowhere" / "m.json")
    refuses_to_load(tmp_path / "nowhere" / "m.json", "there is no such file.")
    (tmp_path / "model.yaml").touch()
    refuses_to_load(tmp_path / "modle.yaml", "there is no such file. Did you mean 'model.yaml'?")
    (tmp_path / "folder.json").mkdir()
    refuses_to_load(tmp_path / "folder.json", "is not a file")
    os.mkfifo(tmp_path / "pipe.json")
    refuses_to_load(tmp_path / "pipe.json", "is not a file")
    (tmp_path / "large.json").write_bytes(b" " * (MAX_BYTES + 1))
    refuses_to_load(tmp_path / "large.json", "a model file has at most 1048576 bytes")
    (tmp_path / "bytes.json").write_bytes(b'{"bouton": 1, "\xff": 1}')
    refuses_to_load(tmp_path / "bytes.json", "is not text: byte 15 is not UTF-8")


def test_a_circuit_too_large_for_a_file_is_not_written(tmp_path):
    circuit = Circuit({f"{i}": Leaky(64, tau=np.linspace(1, 2, 64)) for i in range(700)})
    with pytest.raises(ModelError, match="could not be loaded again: a model file has at most 1048576 bytes"):
        save(circuit, tmp_path / "m.json")
    assert not list(tmp_path.iterdir())


SYNTAX = {
    "json": ('{"bouton": 1,\n "nodes": {,}}', "line 2, column 12: "),
    "json twice": ('{"bouton": 1, "nodes": {}, "nodes": {}}', "the key 'nodes' stands twice in one place."),
    "json nan": (
        '{"bouton": 1, "nodes": {"a": NaN}}',
        'NaN is not JSON: write "inf" or "-inf"; NaN is no legal value.',
    ),
    "json deep": ('{"a": ' + "[" * 100_000, "nested deeper than"),
    "json digits": ('{"a": ' + "9" * 10_000 + "}", "Exceeds the limit"),
    "json empty": ("", "line 1, column 1: "),
    "yaml": ("bouton: 1\nnodes: {a: [}\n", "line 2, column "),
    "yaml twice": ("bouton: 1\nnodes: {}\nnodes: {}\n", "line 3, column 1: the key 'nodes' stands twice."),
    "yaml key": ("bouton: 1\nnodes: {1: 2}\n", "line 2, column 9: a key must be text, got '1': quote it."),
    "yaml list key": ("[a]: 1\n", "line 1, column 1: a key must be text"),
    "yaml alias": ("a: &x [1]\nb: *x\n", "line 2, column 4: aliases are not allowed (*x)."),
    "yaml deep": ("a: " + "[" * 100, "line 1, column 35: nested deeper than 32 levels."),
    "yaml deeper": ("a: " + "[" * 100_000, "line 1, column "),  # newer versions of PyYAML have a limit of their own
    "yaml digits": ("a: " + "9" * 10_000, "Exceeds the limit"),
    "yaml two": ("a: 1\n---\nb: 1\n", "line 2, column 1: "),
    "yaml control": ("a: \x01\n", ""),
    "yaml date": ("bouton: 1\nnodes: {a: !!timestamp 2001-01-01}\n", "nodes.a: must be a number, text"),
    "yaml empty": ("", "the model: must be a mapping"),
    "toml": ("bouton = 1\nnodes = {\n", "(at line 2, column"),
    "toml twice": ("bouton = 1\nbouton = 1\n", "(at line 2, column"),
    "toml deep": ("a = " + "[" * 100_000, "nested deeper than"),
    "toml dots": ("a" + ".a" * 400_000 + " = 1\n", "line 1: more than 256 dots in one line."),
    "toml date": ("bouton = 1\nnodes.a = 2001-01-01\n", "nodes.a: must be a number, text"),
}


@pytest.mark.parametrize("case", SYNTAX)
def test_unreadable_text_is_refused_with_the_line(tmp_path, case):
    text, message = SYNTAX[case]
    file = tmp_path / f"m.{case.split()[0]}"
    file.write_text(text)
    begun = time.perf_counter()
    refuses_to_load(file, message)
    assert time.perf_counter() - begun < 2


def test_an_alias_bomb_is_refused_before_it_unfolds(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    (tmp_path / "bomb.yaml").write_text("\n".join(lines))
    refuses_to_load(tmp_path / "bomb.yaml", "line 2, column 10: aliases are not allowed")


@pytest.mark.parametrize(
    "tag",
    ["!!python/object/apply:pathlib.Path.touch", "!!python/object/new:os.system", "!!python/name:os.system", "!mine"],
)
def test_yaml_tags_execute_nothing(tmp_path, tag):
    marker = tmp_path / "marker"
    (tmp_path / "m.yaml").write_text(f"bouton: 1\nnodes: {tag} [touch {marker}]\n")
    refuses_to_load(tmp_path / "m.yaml", "line 2, column 8: could not determine a constructor for the tag")
    assert not marker.exists()


class Malicious:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


def npz(file: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(file, "w", compression) as z:
        for name, content in members.items():
            z.writestr(name, content)


def npy(array: np.ndarray, pickled: bool = False) -> bytes:
    held = io.BytesIO()
    np.save(held, array, allow_pickle=pickled)
    return held.getvalue()


def test_side_files_that_cannot_be_trusted(tmp_path, small):
    file, side, marker = tmp_path / "m.json", tmp_path / "m.arrays.npz", tmp_path / "marker"
    save(small, file)
    (name,) = np.load(side)
    right = side.read_bytes()
    at = "nodes.exc.tau.array: "

    side.unlink()
    refuses_to_load(file, at + "needs the file m.arrays.npz beside the model, which is not there.")
    side.write_bytes(right[: len(right) // 2])
    refuses_to_load(file, at + "m.arrays.npz is damaged: ")
    npz(side, {"../marker.npy": npy(np.ones(70))})
    refuses_to_load(file, at + "m.arrays.npz holds no array of this hash: it belongs to another model.")
    npz(side, {f"{name}.npy": npy(np.ones(70))})
    refuses_to_load(file, at + "the array given for this hash has another: it is not the one that was written.")
    npz(side, {f"{name}.npy": npy(np.array([Malicious(marker)], object), pickled=True)})
    refuses_to_load(file, at + "m.arrays.npz is damaged: ValueError: Object arrays cannot be loaded")
    side.write_bytes(pickle.dumps(Malicious(marker)))
    refuses_to_load(file, at + "m.arrays.npz is damaged: ")
    npz(side, {f"{name}.npy": pickle.dumps(Malicious(marker))})
    refuses_to_load(file, at + "m.arrays.npz is damaged: ")
    npz(side, {f"{name}.npy": b"\0" * 10**8}, zipfile.ZIP_DEFLATED)
    refuses_to_load(file, at + "m.arrays.npz is compressed")
    npz(side, {f"{name}.npy": npy(np.ones(70)).replace(b"(70,)", b"(10**13,)"[:5])})
    refuses_to_load(file, at + "m.arrays.npz is damaged: ")
    header = npy(np.ones(70)).replace(b"'shape': (70,), }          ", b"'shape': (7000000000000,), }")
    npz(side, {f"{name}.npy": header})
    refuses_to_load(file, at + "m.arrays.npz is damaged: ")
    os.replace(side, tmp_path / "elsewhere")
    os.mkfifo(side)
    refuses_to_load(file, at + "needs the file m.arrays.npz")
    assert not marker.exists()
    side.unlink()
    side.write_bytes(right)
    assert exactly(load(file)) == exactly(small)
    assert not list(tmp_path.glob("*.tmp")) and not list(tmp_path.glob(".*"))


def test_files_are_plain_for_other_readers(tmp_path):
    """A standard reader of each format sees the same data."""
    circuit = rich()
    data = to_dict(circuit, {})
    save(circuit, tmp_path / "j.json")
    save(circuit, tmp_path / "y.yaml")
    assert json.loads((tmp_path / "j.json").read_text()) == data
    assert yaml.safe_load((tmp_path / "y.yaml").read_text()) == data
