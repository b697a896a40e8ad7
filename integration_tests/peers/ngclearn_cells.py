"""The cells beside those of ngc-learn 3.2.3: equal step by step where it is right, and where it is not, the difference.

`nox -s differential` runs this; `docs/ngc-learn.md` has the table that these tests stand for. Equal means the same
parameters, start values and inputs, Euler's method and float32, unless a test says otherwise.
"""

import ast
import inspect
import itertools
import math
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import Arctan, Circuit, CircuitError, PluginSet, Tick
from bouton_cells import (
    AdExCell,
    BernoulliCell,
    BernoulliErrorCell,
    ExponentialKernel,
    FitzhughNagumoCell,
    GaussianErrorCell,
    HodgkinHuxleyCell,
    IFCell,
    IzhikevichCell,
    LaplacianErrorCell,
    LatencyCell,
    LeakyNoiseCell,
    LIFCell,
    PhasorCell,
    PoissonCell,
    QuadLIFCell,
    RAFCell,
    RateCell,
    RetinalGanglionCell,
    RewardErrorCell,
    SLIFCell,
    Trace,
    TTFSCell,
    WTASCell,
)
from ngclearn import Context, MethodProcess
from ngclearn.components import input_encoders as encoders
from ngclearn.components import other
from ngclearn.components.neurons import graded, spiking
from scipy.integrate import solve_ivp

KINDS = [
    *(spiking.IFCell, spiking.LIFCell, spiking.QuadLIFCell, spiking.SLIFCell, spiking.WTASCell, spiking.AdExCell),
    *(spiking.FitzhughNagumoCell, spiking.HodgkinHuxleyCell, spiking.IzhikevichCell, spiking.RAFCell),
    *(encoders.PoissonCell, encoders.BernoulliCell, encoders.LatencyCell, encoders.TTFSCell, encoders.PhasorCell),
    *(encoders.RetinalGanglionCell, graded.RateCell, graded.GaussianErrorCell, graded.LaplacianErrorCell),
    *(graded.BernoulliErrorCell, graded.RewardErrorCell, graded.LeakyNoiseCell, other.VarTrace, other.ExpKernel),
]
PAGE = Path(__file__).parents[2] / "docs" / "ngc-learn.md"
CONTEXTS = map("test{}".format, itertools.count())  # ngc-learn returns the old context for a name that it has seen


def theirs(kind, feeds, read, *, dt=1.0, start=None, first=0, prepare=None, **options):
    """Compartments of a cell of ngc-learn after each step, by name: arrays (step, unit)."""
    shape = next(iter(feeds.values())).shape
    with jax.numpy_dtype_promotion("standard"):
        with Context(next(CONTEXTS)):
            cell = kind("cell", n_units=shape[1], key=jax.random.PRNGKey(0), **options)
            advance = MethodProcess("advance") >> cell.advance_state
            if prepare is not None:
                before = MethodProcess("before") >> getattr(cell, prepare)
        for name, value in (start or {}).items():
            getattr(cell, name).set(jnp.broadcast_to(jnp.asarray(value, jnp.float32), (1, shape[1])))
        found = {name: [] for name in read}
        for step in range(shape[0]):
            for name, rows in feeds.items():
                getattr(cell, name).set(jnp.asarray(rows[step][None]))
            if prepare is not None and step == 0:
                before.run()
            advance.run(t=(first + step) * dt, dt=dt)
            for name in read:
                found[name].append(np.asarray(getattr(cell, name).get()))
    return {name: np.stack(values).reshape(shape[0], -1) for name, values in found.items()}


def ours(cell, feeds, *, dt=1.0, start=None):
    """All states and outputs of a cell of bouton after each step, by name: arrays (step, unit)."""
    circuit = Circuit({"cell": cell}, start={f"cell.{name}": value for name, value in (start or {}).items()})

    def body(state, row):
        step, given = row
        state, out = circuit.step(
            state, Tick(step=step, dt=dt, key=jax.random.key(1)), {f"cell.{n}": v for n, v in given.items()}
        )
        found = [*vars(state["cell"]).items(), *vars(out["cell"]).items()]
        return state, {name: value for name, value in found if value is not None}

    @jax.jit
    def scan(feeds):
        steps = jnp.arange(len(next(iter(feeds.values()))))
        return jax.lax.scan(body, circuit.init(key=jax.random.key(0), dt=dt), (steps, feeds))[1]

    return {name: np.asarray(value) for name, value in scan(feeds).items()}


def agree(mine, peers, *names, rtol=1e-5, atol=1e-5, **renamed):
    """Compartments are equal at every step; `renamed` gives bouton's name of one that has another in ngc-learn."""
    for name, own in {**{name: name for name in names}, **renamed}.items():
        np.testing.assert_allclose(mine[own], peers[name], rtol, atol, err_msg=name)


def known(ages):
    """Times of last spikes as ngc-learn has them: 0 also where there was none."""
    return np.where(np.isinf(ages), 0.0, ages)


def currents(low, high, *, steps=300, units=5, seed=0):
    return np.random.default_rng(seed).uniform(low, high, (steps, units)).astype(np.float32)


def crossings(levels):
    """Where a row is 1 and the one before is not."""
    return (levels > 0) & ~np.vstack([np.zeros_like(levels[:1], bool), levels[:-1] > 0])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_all_parameters_and_compartments_have_their_place_in_the_documentation(kind):
    cells = PAGE.read_text().partition("\n## Cells\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`]+`", cells))))
    module = ast.parse(inspect.getsource(inspect.getmodule(kind)))
    (source,) = (node for node in module.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
    (init,) = (node for node in source.body if isinstance(node, ast.FunctionDef) and node.name == "__init__")
    parameters = {argument.arg for argument in init.args.args} - {"self"}
    compartments = {
        node.targets[0].attr
        for node in ast.walk(init)
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("Compartment(")
    }
    assert len(parameters) > 3
    assert {kind.__name__, *parameters, *compartments} - named == set()


# ---- integrate-and-fire cells ----------------------------------------------------------------------------------------

METHODS = pytest.mark.parametrize("method", ["euler", "midpoint"])


def of_spikes(mine):
    """bouton's ages and times of last spikes in ngc-learn's terms: what is infinite there is finite here."""
    return {**mine, "tols": known(mine["tols"])}


def agree_on_ages(mine, peers):
    """The refractory variable, from the first spike on: before, bouton's is infinite."""
    spiked = np.isfinite(mine["rfr"])
    assert spiked.any() and not spiked.all()
    np.testing.assert_array_equal(mine["rfr"][spiked], peers["rfr"][spiked])


@METHODS
@pytest.mark.parametrize("refract_time", [0.0, 2.5])
def test_if_cell(method, refract_time):
    options = {"tau_m": 10.0, "resist_m": 1.5, "refract_time": refract_time, "integration_type": method}
    feeds = {"j": currents(-60.0, 60.0)}
    start = {"v": np.linspace(-64.0, -53.0, 5)}
    peers = theirs(spiking.IFCell, feeds, ["v", "s", "tols", "rfr"], dt=0.5, start=start, **options)
    mine = ours(IFCell(5, **options), feeds, dt=0.5, start=start)
    assert mine["s"].sum() > 40 and (mine["v"] == -65.0).any()
    agree(of_spikes(mine), peers, "v", "s", "tols")
    agree_on_ages(mine, peers)


@METHODS
@pytest.mark.parametrize(
    "options",
    [
        {"resist_m": 2.0, "refract_time": 2.0, "theta_plus": 0.8, "tau_theta": 30.0},
        {"conduct_leak": 0.3, "v_min": -68.0, "v_reset": -62.0, "thr": -55.0, "refract_time": 0.0},
    ],
    ids=["adaptive", "bounded"],
)
def test_lif_cell(method, options):
    options = {"tau_m": 10.0, "integration_type": method, **options}
    feeds = {"j": currents(-30.0, 60.0)}
    start = {"v": np.linspace(-64.0, -53.0, 5), "thr_theta": np.linspace(0.0, 2.0, 5)}
    read = ["v", "s", "s_raw", "tols", "rfr", "thr_theta", "v_thr"]
    peers = theirs(spiking.LIFCell, feeds, read, dt=0.5, start=start, **options)
    mine = ours(LIFCell(5, **options), feeds, dt=0.5, start=start)
    assert mine["s"].sum() > 50
    agree(of_spikes(mine), peers, "v", "s", "s_raw", "tols", "thr_theta")
    agree_on_ages(mine, peers)
    # Theirs is the threshold of the next step, ours that of this one.
    np.testing.assert_allclose(mine["v_thr"][1:], peers["v_thr"][:-1], 1e-6)


def test_lif_cell_without_adaptation():
    feeds = {"j": currents(-30.0, 60.0)}
    peers = theirs(spiking.LIFCell, feeds, ["v", "s"], tau_m=10.0, tau_theta=0.0)
    mine = ours(LIFCell(5, tau_m=10.0, theta_plus=None), feeds)
    agree(mine, peers, "v", "s")


def test_surrogate_of_the_lif_cell_is_the_gradient():
    j, options = np.linspace(5.0, 40.0, 6, dtype=np.float32), {"tau_m": 10.0, "resist_m": 2.0}
    peers = theirs(spiking.LIFCell, {"j": j[None]}, ["surrogate"], dt=0.5, start={"v": -54.0}, **options)
    circuit = Circuit({"cell": LIFCell(6, surrogate=Arctan(alpha=0.2), **options)}, start={"cell.v": -54.0})
    state = circuit.init(key=jax.random.key(0), dt=0.5)
    slope = jax.grad(lambda j: circuit.step(state, Tick(step=0, dt=0.5), {"cell.j": j})[1]["cell"].s.sum())(j)
    np.testing.assert_allclose(slope, peers["surrogate"][0], 1e-5)


def test_one_spike_of_the_lif_cell():
    options = {"tau_m": 10.0, "refract_time": 2.0, "one_spike": True}
    feeds = {"j": np.repeat(currents(0.0, 80.0, units=1), 4, axis=1)}  # all at once
    peers = theirs(spiking.LIFCell, feeds, ["v", "s", "s_raw", "thr_theta", "rfr"], **options)
    mine = ours(LIFCell(4, **options), feeds)
    agree(mine, peers, "v", "s_raw", "thr_theta")
    agree_on_ages(mine, peers)
    for s in (mine["s"], peers["s"]):
        np.testing.assert_array_equal(s.sum(1), mine["s_raw"].max(1))
        assert (s.sum(0) > 0).all()  # no unit is always chosen


def test_the_winner_of_the_lif_cell_where_order_does_not_change_in_a_step():
    start = {"v": np.linspace(-64.0, -53.0, 5)}
    options = {"tau_m": 10.0, "refract_time": 0.0}
    feeds = {"j": np.repeat(currents(0.0, 60.0, units=1), 5, axis=1)}
    peers = theirs(
        spiking.LIFCell, feeds, ["v", "s", "s_raw"], start=start, max_one_spike=True, tau_theta=0.0, **options
    )
    mine = ours(LIFCell(5, k_winners=1, theta_plus=None, **options), feeds, start=start)
    assert (mine["s"] != mine["s_raw"]).any()
    agree(mine, peers, "v", "s", "s_raw")


@METHODS
def test_quad_lif_cell_with_the_sign_of_its_documentation(method):
    """ngc-learn's code has minus the quadratic term that it documents: a negative scale puts that right."""
    options = {
        "tau_m": 20.0,
        "resist_m": 1.5,
        "thr": -38.0,
        "v_scale": -50.0,
        "v_min": -80.0,
        "refract_time": 2.0,
        "theta_plus": 0.5,
        "tau_theta": 50.0,
        "integration_type": method,
    }
    feeds = {"j": currents(-30.0, 100.0)}
    start = {"v": np.linspace(-66.0, -48.0, 5)}
    read = ["v", "s", "s_raw", "tols", "rfr", "thr_theta"]
    peers = theirs(spiking.QuadLIFCell, feeds, read, dt=0.25, start=start, critical_v=-0.3, **options)
    mine = ours(QuadLIFCell(5, critical_v=0.3, **options), feeds, dt=0.25, start=start)
    assert mine["s"].sum() > 20
    agree(of_spikes(mine), peers, "v", "s", "s_raw", "tols", "thr_theta", atol=1e-3)
    agree_on_ages(mine, peers)


# ---- cells of several variables --------------------------------------------------------------------------------------


def test_adex_cell():
    """With a low threshold, as on the upstroke rounding errors grow without bound."""
    options = {"resist_m": 1.5, "tau_w": 50.0, "thr": -42.0, "a": 0.3, "b": 2.0, "v0": -66.0, "w0": 1.0}
    feeds = {"j": currents(0.0, 60.0, steps=600)}
    peers = theirs(spiking.AdExCell, feeds, ["v", "w", "s", "tols"], dt=0.25, **options)
    mine = ours(AdExCell(5, track_tols=True, **options), feeds, dt=0.25)
    assert mine["s"].sum() > 20
    agree(of_spikes(mine), peers, "v", "w", "s", "tols", atol=1e-3)


def test_fitzhugh_nagumo_cell_that_is_reset():
    options = {"resist_m": 1.5, "tau_w": 10.0, "gamma": 2.5, "v0": -0.5, "w0": -0.2, "spike_reset": True}
    feeds = {"j": currents(-0.5, 1.5, steps=600)}
    peers = theirs(spiking.FitzhughNagumoCell, feeds, ["v", "w", "s", "tols"], dt=0.125, **options)
    mine = ours(FitzhughNagumoCell(5, track_tols=True, **options), feeds, dt=0.125)
    assert mine["s"].sum() > 20
    agree(of_spikes(mine), peers, "v", "w", "s", "tols", atol=1e-4)


def test_fitzhugh_nagumo_cell_that_swings():
    """ngc-learn counts a spike in each step above threshold, bouton the first of them."""
    feeds = {"j": np.repeat(np.linspace(0.0, 1.2, 5, dtype=np.float32)[None], 600, axis=0)}
    peers = theirs(spiking.FitzhughNagumoCell, feeds, ["v", "w", "s"], dt=0.125)
    mine = ours(FitzhughNagumoCell(5), feeds, dt=0.125)
    agree(mine, peers, "v", "w", atol=1e-4)
    np.testing.assert_array_equal(mine["s"] > 0, crossings(peers["s"]))
    assert 0 < mine["s"].sum() < peers["s"].sum() / 5


def gates(v):
    """The steady state of n, m and h in the paper's rates."""
    opens = 0.01 * (10 - v) / np.expm1((10 - v) / 10), 0.1 * (25 - v) / np.expm1((25 - v) / 10), 0.07 * np.exp(-v / 20)
    closes = 0.125 * np.exp(-v / 80), 4 * np.exp(-v / 18), 1 / (np.exp((30 - v) / 10) + 1)
    return {x: a / (a + b) for x, a, b in zip("nmh", opens, closes, strict=True)}


@pytest.mark.parametrize(
    "options",
    [{}, {"g_Na": 120.0, "g_K": 36.0, "v_K": -12.0, "thr": 50.0, "resist_m": 1.5, "tau_v": 1.2}],
    ids=["default", "classical"],
)
def test_hodgkin_huxley_cell(options):
    """ngc-learn counts a spike in each step above threshold, bouton the first of them."""
    options, start = {"tau_v": 1.0, **options}, {"v": np.linspace(-3.0, 3.0, 4)}
    start |= gates(start["v"])
    feeds = {"j": currents(0.0, 40.0, steps=1000, units=4)}
    peers = theirs(spiking.HodgkinHuxleyCell, feeds, ["v", "n", "m", "h", "s"], dt=0.02, start=start, **options)
    mine = ours(HodgkinHuxleyCell(4, **options), feeds, dt=0.02, start=start)
    agree(mine, peers, "v", "n", "m", "h", atol=2e-3)
    np.testing.assert_array_equal(mine["s"] > 0, crossings(peers["s"]))
    assert 0 < mine["s"].sum() < peers["s"].sum() / 5


def test_hodgkin_huxley_cell_that_is_reset():
    options = {
        "tau_v": 1.0,
        "thr": 30.0,
        "spike_reset": True,
        "v_reset": -5.0,
        "g_Na": 120.0,
        "g_K": 36.0,
        "v_K": -12.0,
    }
    feeds = {"j": currents(0.0, 60.0, steps=1000, units=4)}
    read = ["v", "n", "m", "h", "s", "tols"]
    peers = theirs(spiking.HodgkinHuxleyCell, feeds, read, dt=0.02, start=gates(0.0), **options)
    mine = ours(HodgkinHuxleyCell(4, track_tols=True, **options), feeds, dt=0.02)
    assert mine["s"].sum() > 4
    agree(of_spikes(mine), peers, *read, atol=1e-3)


@pytest.mark.parametrize(
    "options", [{}, {"tau_w": 10.0, "coupling_factor": 0.25, "w_reset": 2.0, "v_reset": -60.0, "resist_m": 1.5}]
)
def test_izhikevich_cell_takes_one_step_less_for_a_spike(options):
    """In ngc-learn v passes the threshold in one step, and is reset in the next, which goes by without dynamics.

    With a low threshold, as on the upstroke rounding errors grow without bound.
    """
    options = {**options, "v_thr": -35.0}
    j = np.linspace(8.0, 20.0, 5, dtype=np.float32)
    feeds = {"j": np.repeat(j[None], 1200, axis=0)}
    peers = theirs(spiking.IzhikevichCell, feeds, ["v", "w", "s"], dt=0.25, **options)
    mine = ours(IzhikevichCell(5, **options), feeds, dt=0.25)
    for unit in range(5):
        kept = peers["v"][:, unit] <= -35.0  # leave out the step in which v passes the threshold
        assert peers["s"][:, unit].sum() > 5 and kept.sum() < 1195
        agree(
            {n: mine[n][: kept.sum(), unit] for n in "vws"}, {n: peers[n][kept, unit] for n in "vws"}, *"vws", atol=0.02
        )


def semi_implicit(f, y, dt):
    """Euler's method for w, and then for v with the new w: how ngc-learn advances its resonate-and-fire cell."""
    v, w = y
    w = w + dt * f((v, w))[1]
    return v + dt * f((v, w))[0], w


@pytest.mark.parametrize("resets", [True, False], ids=["reset", "free"])
def test_raf_cell_with_the_integrator_of_ngclearn(resets):
    options = {"tau_v": 1.5, "tau_w": 2.0, "omega": 3.0, "dampen_factor": -0.4, "resist_v": 1.5, "v0": 0.3, "w0": -0.2}
    options |= {"v_reset": 0.5, "w_reset": 0.1}
    feeds = {"j": currents(-8.0, 8.0, steps=600)}
    peers = theirs(spiking.RAFCell, feeds, ["v", "w", "s", "tols"], dt=0.0625, post_spike_reset=resets, **options)
    with (PluginSet.discover() | PluginSet.of({"integrator": {"semi_implicit": semi_implicit}})).use():
        cell = RAFCell(5, integration_type="semi_implicit", spike_reset=resets, track_tols=True, **options)
        mine = ours(cell, feeds, dt=0.0625)
    assert mine["s"].sum() > 5
    agree(mine, peers, "v", "w")
    np.testing.assert_array_equal(mine["s"] > 0, crossings(peers["s"]))
    if resets:
        agree(of_spikes(mine), peers, "s", "tols")


# ---- cells whose thresholds adapt to the population ------------------------------------------------------------------

JITTERED = np.linspace(0.3, 0.5, 5)
LATERAL = np.random.default_rng(1).uniform(0.025, 1.0, (5, 5)).astype(np.float32) * (1 - np.eye(5, dtype=np.float32))


def slif(*args, **options):
    cell = spiking.SLIFCell(*args, **options)
    cell.inh_weights = LATERAL  # no compartment, and drawn from the key otherwise
    return cell


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"thr_gain": 0.05, "thr_leak": 0.02, "refract_time": 2.0},
        {"rho_b": 0.05, "refract_time": 0.0},
        {"resist_inh": 3.0, "refract_time": 3.0, "sticky_spikes": True, "thr_gain": 0.1},
    ],
    ids=["fixed", "adaptive", "balanced", "inhibited"],
)
def test_slif_cell_at_steps_of_1_ms(options):
    """ngc-learn's refractory time begins with the step of the spike, bouton's after it."""
    options = {"tau_m": 10.0, "resist_m": 1.5, "thr": 0.4, "refract_time": 1.0, **options}
    feeds = {"j": currents(-0.5, 2.5)}
    later = {**options, "refract_time": options["refract_time"] + 1.0}
    peers = theirs(slif, feeds, ["v", "s", "thr", "tols", "surrogate"], start={"thr": JITTERED}, **later)
    start = {"thr": JITTERED} | ({"inh_weights": LATERAL} if "resist_inh" in options else {})
    mine = ours(SLIFCell(5, **{"resist_inh": None, **options}), feeds, start=start)
    assert mine["s"].sum() > 20
    agree(mine, peers, "v", "s")
    np.testing.assert_allclose(mine["v_thr"][1:], peers["thr"][:-1], 1e-5)  # theirs is that of the next step
    np.testing.assert_allclose(mine["surrogate"], 0.82 * 0.08 * peers["surrogate"] ** 2, 1e-5)  # theirs is sech(c2 J)
    if "sticky_spikes" not in options:
        agree(of_spikes(mine), peers, "tols")


@pytest.mark.parametrize(("refract_time", "strength"), [(0.0, 0.0), (2.0, 20.0)], ids=["always ready", "strong input"])
def test_wtas_cell_at_steps_of_1_ms(refract_time, strength):
    """A refractory unit takes part in ngc-learn's softmax with a potential of 0: nothing beside a strong input."""
    options = {"resist_m": 1.5, "thr_gain": 0.01}
    feeds = {"j": currents(strength, strength + 2.0)}
    peers = theirs(
        spiking.WTASCell,
        feeds,
        ["v", "s", "thr", "tols"],
        start={"thr": JITTERED},
        tau_m=1.0,
        refract_time=refract_time + 1.0,
        **options,
    )
    mine = ours(WTASCell(5, refract_time=refract_time, **options), feeds, start={"thr": JITTERED})
    assert mine["s"].sum() > 100
    agree(of_spikes(mine), peers, "v", "s", "thr", "tols")


# ---- encoders --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "kind"),
    [(PoissonCell(5, target_freq=200.0), encoders.PoissonCell), (BernoulliCell(5), encoders.BernoulliCell)],
    ids=["poisson", "bernoulli"],
)
def test_spikes_that_are_drawn_are_the_same_with_the_same_keys(cell, kind):
    x, dt = currents(-0.2, 1.2), 2.0
    options = {"target_freq": 200.0} if kind is encoders.PoissonCell else {}
    peers = theirs(kind, {"inputs": x}, ["outputs"], dt=dt, **options)
    key = jax.random.PRNGKey(0)
    for step, row in enumerate(x):
        key, own = jax.random.split(key)
        _, out = cell.advance(cell.init(key=own, dt=dt), cell.In(x=row), Tick(step=step, dt=dt, key=own))
        np.testing.assert_array_equal(out.s, peers["outputs"][step])
    assert 300 < peers["outputs"].sum() < 1200


def held(x, *, steps):
    return np.repeat(np.asarray(x, np.float32)[None], steps, axis=0)


@pytest.mark.parametrize(
    ("options", "own"),
    [
        ({"tau": 8.0, "threshold": 0.2, "num_steps": 1e-7}, {"tau": 8.0, "thr": 0.2}),
        ({"tau": 8.0, "linearize": True, "threshold": 0.3}, {"tau": 8.0, "code": "linear", "thr": 0.3}),
        (
            {"tau": 8.0, "linearize": True, "threshold": 0.3, "clip_spikes": True, "first_spike_time": 3.0},
            {"tau": 8.0, "code": "linear", "thr": 0.3, "clip": True, "first_spike_time": 3.0},
        ),
        (
            {"linearize": True, "threshold": 0.0, "normalize": True, "num_steps": 20},
            {"tau": 19.0, "code": "linear", "thr": 0.0},
        ),
    ],
    ids=["logarithmic", "linear", "clipped", "over a window"],
)
def test_latency_cell_at_steps_of_1_ms(options, own):
    """ngc-learn rounds a latency to the nearest millisecond, bouton to the step it is in: half a step is added here."""
    x = [1.0, 0.94, 0.83, 0.57, 0.41, 0.26, 0.11]
    own = {"first_spike_time": 0.0, **own}
    own["first_spike_time"] += 0.5
    peers = theirs(
        encoders.LatencyCell, {"inputs": held(x, steps=40)}, ["outputs"], prepare="calc_spike_times", **options
    )
    mine = ours(LatencyCell(7, **own), {"x": held(x, steps=40)})
    assert 5 <= mine["s"].sum() <= 7
    agree(mine, peers, outputs="s")


@pytest.mark.parametrize("code", ["exponential", "logarithmic"])
def test_ttfs_cell(code):
    """ngc-learn rounds to the nearest step, bouton to that which the time is in: intensities are of times k + 0.2."""
    times = np.array([0.2, 1.2, 7.2, 19.2, 30.2]) / 39
    x = 0.01**times if code == "logarithmic" else 1 - np.log1p(times * np.expm1(1.0))
    x = held([1.2, 1.0, *x], steps=40)
    peers = theirs(encoders.TTFSCell, {"inputs": x}, ["outputs"], dt=0.5, num_steps=40, latency_mode=code)
    mine = ours(TTFSCell(7, duration=39 * 0.5, code=code), {"x": x}, dt=0.5)
    assert mine["s"].sum() == 7
    agree(mine, peers, outputs="s")


def test_phasor_cell_up_to_the_noise_of_ngclearn():
    def at_its_frequency(*args, **options):
        cell = encoders.PhasorCell(*args, **options)
        cell.base_scale = 1.0  # drawn for each unit otherwise
        return cell

    x = held([0.0, 0.1, 0.3, 0.6, 0.9], steps=1000)
    peers = theirs(at_its_frequency, {"inputs": x}, ["outputs"], target_freq=300.0)
    mine = ours(PhasorCell(5, target_freq=300.0), {"x": x})
    wanted = np.array([0.0, 30.0, 90.0, 180.0, 270.0])
    np.testing.assert_allclose(mine["s"].sum(0), wanted, atol=1)
    np.testing.assert_allclose(peers["outputs"].sum(0), wanted, atol=10)  # five times its noise, and a spike


@pytest.mark.parametrize(("kind", "own"), [("gaussian", "gaussian"), ("DoG", "difference_of_gaussians")])
def test_retinal_ganglion_cell(kind, own):
    """ngc-learn puts out the weighted pixels of each patch, bouton their sum. Only its odd patches have a middle."""
    images = np.random.default_rng(0).uniform(size=(3, 9, 9)).astype(np.float32)
    shape = {"area_shape": (9, 9), "patch_shape": (5, 5)}
    peers = theirs(
        encoders.RetinalGanglionCell,
        {"inputs": images},
        ["outputs"],
        filter_type=kind,
        n_cells=9,
        step_shape=(2, 2),
        sigma=1.2,
        **shape,
    )
    mine = ours(RetinalGanglionCell(**shape, stride=2, filter=own, sigma=1.2), {"x": images.reshape(3, 81)})
    np.testing.assert_allclose(mine["y"], peers["outputs"].reshape(3, 9, 25).sum(2), 1e-4, 1e-5)


# ---- rates, errors, traces -------------------------------------------------------------------------------------------

FUNCTIONS = {"lrelu": "leaky_relu"} | {
    name: name for name in ("identity", "tanh", "sigmoid", "relu", "relu6", "elu", "silu", "softplus")
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_rate_cell(function):
    options = {"tau_m": 10.0, "output_scale": 1.5, "resist_scale": 2.0}
    feeds = {"j": currents(-8.0, 12.0), "j_td": currents(-2.0, 2.0, seed=1)}
    peers = theirs(graded.RateCell, feeds, ["z", "zF"], dt=0.5, act_fx=function, prior=("gaussian", 0.3), **options)
    mine = ours(RateCell(5, act_fx=FUNCTIONS[function], prior="gaussian", gamma=0.3, **options), feeds, dt=0.5)
    agree(mine, peers, "z", "zF", atol=1e-4)


@METHODS
@pytest.mark.parametrize("prior", ["laplacian", "cauchy", "exp"])
def test_rate_cell_with_a_prior(prior, method):
    own = {"exp": "exponential"}.get(prior, prior)
    feeds = {"j": currents(-4.0, 6.0)}
    start, options = {"z": np.linspace(-2.0, 2.0, 5)}, {"tau_m": 10.0, "integration_type": method}
    peers = theirs(graded.RateCell, feeds, ["z"], dt=0.5, start=start, prior=(prior, 2.0), **options)
    mine = ours(RateCell(5, prior=own, gamma=2.0, **options), feeds, dt=0.5, start=start)
    agree(mine, peers, "z", atol=1e-4)


def test_rate_cell_without_memory():
    feeds = {"j": currents(-3.0, 3.0, steps=3), "j_td": currents(-1.0, 1.0, steps=3, seed=1)}
    peers = theirs(graded.RateCell, feeds, ["z", "zF"], tau_m=0.0, act_fx="tanh")
    mine = ours(RateCell(5, tau_m=None, act_fx="tanh"), feeds)
    agree(mine, peers, "z", "zF")


def test_soft_threshold_of_the_rate_cell():
    """ngc-learn's takes its whole strength in a step, bouton's a part of dt / tau_m."""
    feeds = {"j": currents(-3.0, 3.0)}
    peers = theirs(graded.RateCell, feeds, ["z"], dt=0.5, tau_m=10.0, threshold=("soft_threshold", 0.02))
    mine = ours(RateCell(5, tau_m=10.0, threshold="soft", thr_lmbda=0.02 * 10.0 / 0.5), feeds, dt=0.5)
    assert (mine["z"] == 0).any()
    agree(mine, peers, "z")


@pytest.mark.parametrize("variance", [1.0, 2.5])
def test_gaussian_error_cell(variance):
    """bouton's L also holds the variance's part of the logarithm, and counts what the modulator leaves."""
    feeds = {"mu": currents(-1.0, 1.0, steps=5), "target": currents(-1.0, 1.0, steps=5, seed=1)}
    read = ["dmu", "dtarget", "L"]
    peers = theirs(graded.GaussianErrorCell, feeds, read, sigma=variance)
    mine = ours(GaussianErrorCell(5, Sigma=variance), feeds)
    agree(mine, peers, "dmu", "dtarget")
    np.testing.assert_allclose(mine["L"] + 5 / 2 * math.log(variance), peers["L"][:, 0], 1e-5)
    feeds |= {"modulator": currents(0.0, 1.0, steps=5, seed=2), "mask": held([1, 0, 1, 0, 1], steps=5)}
    peers = theirs(graded.GaussianErrorCell, feeds, read, sigma=variance)
    agree(ours(GaussianErrorCell(5, Sigma=variance), feeds), peers, "dmu", "dtarget")


def test_laplacian_error_cell():
    feeds = {"shift": currents(-1.0, 1.0, steps=5), "target": currents(-1.0, 1.0, steps=5, seed=1)}
    peers = theirs(graded.LaplacianErrorCell, feeds, ["dshift", "dtarget"], scale=2.0)
    agree(ours(LaplacianErrorCell(5, Scale=2.0), feeds), peers, "dshift", "dtarget")


def test_bernoulli_error_cell_of_logits():
    feeds = {"p": currents(-4.0, 4.0, steps=5), "target": currents(0.0, 1.0, steps=5, seed=1)}
    peers = theirs(graded.BernoulliErrorCell, feeds, ["dp", "dtarget", "L"], input_logits=True)
    mine = ours(BernoulliErrorCell(5, input_logits=True), feeds)
    agree(mine, peers, "dp", "dtarget", rtol=1e-4)
    np.testing.assert_allclose(mine["L"], peers["L"][:, 0], 1e-4)


def test_reward_error_cell():
    feeds = {"reward": currents(-1.0, 3.0)}
    peers = theirs(graded.RewardErrorCell, feeds, ["mu", "rpe"], dt=0.5, alpha=0.1)
    mine = ours(RewardErrorCell(5, tau_mu=-0.5 / math.log1p(-0.1)), feeds, dt=0.5)
    agree(mine, peers, "mu", "rpe")


def test_leaky_noise_cell_without_noise():
    """ngc-learn takes a step of Euler's method: that is an exact one of another time constant."""
    x, dt = currents(-2.0, 3.0), 0.5
    feeds = {"j_input": x, "j_recurrent": x[::-1]}
    options = {"tau_x": 10.0, "sigma_pre": 0.0, "sigma_post": 0.0, "act_fx": "tanh"}
    peers = theirs(graded.LeakyNoiseCell, feeds, ["x", "r", "r_prime"], dt=dt, **options)
    cell = LeakyNoiseCell(5, tau_x=-dt / math.log1p(-dt / 10.0), sigma=0.0, act_fx="tanh")
    agree(ours(cell, {"j": x + x[::-1]}, dt=dt), peers, "x", "r", "r_prime")


@pytest.mark.parametrize(
    ("options", "own"),
    [({"a_delta": 0.7}, {"a_delta": 0.7}), ({"a_delta": 0.0, "P_scale": 0.7}, {"a_delta": 0.7, "n_nearest": 1})],
    ids=["all spikes", "last spike"],
)
def test_trace(options, own):
    spikes = (currents(0.0, 1.0) < 0.1).astype(np.float32)
    peers = theirs(other.VarTrace, {"inputs": spikes}, ["trace"], dt=0.5, tau_tr=10.0, **options)
    mine = ours(Trace(5, tau_tr=10.0, read="after", **own), {"s": spikes}, dt=0.5)
    agree(mine, peers, trace="trace")


def exp_kernel(*args, **options):
    return other.ExpKernel(*args, dt=0.5, **options)


def test_exponential_kernel():
    """From t = 0.5 ms on: ngc-learn takes a spike at 0 for none."""
    spikes, options = (currents(0.0, 1.0) < 0.2).astype(np.float32), {"tau_w": 5.0, "nu": 4.0}
    peers = theirs(exp_kernel, {"inputs": spikes}, ["epsp"], dt=0.5, first=1, **options)
    agree(ours(ExponentialKernel(5, **options), {"s": spikes}, dt=0.5), peers, "epsp", rtol=1e-4, atol=1e-4)


# ---- where ngc-learn is not right ------------------------------------------------------------------------------------


def constant(j, *, steps, units=1):
    return {"j": np.full((steps, units), j, np.float32)}


def test_functions_of_one_name_take_each_others_place():
    """Of two cells in one process, ngc-learn's IFCell runs the equations of its IzhikevichCell; no warning says so."""

    def first_step(*kinds):
        with jax.numpy_dtype_promotion("standard"):
            with Context(next(CONTEXTS)):
                cells = [kind(f"cell{i}", n_units=1, **options) for i, (kind, options) in enumerate(kinds)]
                advance = MethodProcess("advance")
                for cell in cells:
                    advance >> cell.advance_state
            cells[0].j.set(jnp.full((1, 1), 2.0))
            advance.run(t=0.0, dt=1.0)
            return float(cells[0].v.get()[0, 0])

    integrates = spiking.IFCell, {"tau_m": 10.0}
    mine = ours(IFCell(1, tau_m=10.0), constant(2.0, steps=1))["v"].item()
    assert mine == pytest.approx(-64.8) == first_step(integrates)
    assert first_step(integrates, (spiking.IzhikevichCell, {})) == -65.0


def test_if_cell_without_a_clamp_is_reset():
    options, feeds = {"tau_m": 10.0, "lower_clamp_voltage": False}, constant(20.0, steps=40)
    peers = theirs(spiking.IFCell, feeds, ["v", "s"], **options)
    mine = ours(IFCell(1, **options), feeds)
    assert mine["s"].sum() == 7 and mine["v"].max() <= -52.0  # after 7 steps, then every 5
    assert peers["s"].sum() == 34 and peers["v"][-1] == 15.0


def test_quad_lif_cell_rests_at_v_rest():
    """From above it, ngc-learn's goes up to the critical potential, and stays there."""
    feeds, start, options = constant(0.0, steps=100), {"v": -60.0}, {"tau_m": 20.0, "thr": -30.0}
    peers = theirs(spiking.QuadLIFCell, feeds, ["v"], dt=0.5, start=start, **options)
    mine = ours(QuadLIFCell(1, **options), feeds, dt=0.5, start=start)
    assert (mine["v"][-1], peers["v"][-1]) == (pytest.approx(-65.0), pytest.approx(-41.6))


def test_whoever_is_furthest_above_its_threshold_wins():
    """ngc-learn chooses by the potential before the step. If that unit does not fire, none does."""
    start, feeds = {"v": np.array([-53.0, -60.0])}, {"j": np.array([[0.0, 300.0]], np.float32)}
    peers = theirs(spiking.LIFCell, feeds, ["s", "s_raw"], start=start, tau_m=20.0, max_one_spike=True)
    mine = ours(LIFCell(2, tau_m=20.0, k_winners=1), feeds, start=start)
    np.testing.assert_array_equal(peers["s_raw"], [[0, 1]])
    np.testing.assert_array_equal(peers["s"], [[0, 0]])
    np.testing.assert_array_equal(mine["s"], [[0, 1]])


def test_a_refractory_time_does_not_depend_on_rounding():
    """ngc-learn adds up steps: fifty of 0.1 ms are less than 5 ms in float32."""
    options, feeds = {"tau_m": 1.0, "refract_time": 5.0}, constant(1000.0, steps=120)
    peers = theirs(spiking.LIFCell, feeds, ["s"], dt=0.1, **options)
    mine = ours(LIFCell(1, **options), feeds, dt=0.1)
    assert set(np.diff(np.flatnonzero(mine["s"]))) == {51}
    assert set(np.diff(np.flatnonzero(peers["s"]))) == {52}


def test_no_spike_yet_is_not_a_spike_at_time_0():
    start, feeds = {"v": np.array([-45.0, -65.0])}, constant(0.0, steps=1, units=2)
    options = {"tau_m": 20.0}
    np.testing.assert_array_equal(theirs(spiking.LIFCell, feeds, ["tols"], start=start, **options)["tols"], [[0, 0]])
    np.testing.assert_array_equal(ours(LIFCell(2, **options), feeds, start=start)["tols"], [[0, -np.inf]])


def test_the_threshold_that_is_shown_after_a_reset_is_that_in_force():
    with jax.numpy_dtype_promotion("standard"):
        with Context(next(CONTEXTS)):
            cell = spiking.LIFCell("cell", n_units=1, tau_m=20.0)
        cell.thr_theta.set(jnp.full((1, 1), 3.0))
        cell.reset()
        assert (cell.thr_theta.get(), cell.v_thr.get()) == (3.0, -52.0)
    mine = ours(LIFCell(1, tau_m=20.0), constant(0.0, steps=1), start={"thr_theta": 3.0})
    assert mine["v_thr"] == -49.0


@pytest.mark.parametrize("method", ["heun", "ralston", "rk4", "no such method"])
def test_an_integrator_is_the_one_that_was_asked_for(method):
    """A cell of ngc-learn takes Euler's method for what it does not know; most know one other, the midpoint method."""
    feeds, options = constant(10.0, steps=20), {"tau_m": 10.0, "refract_time": 0.0}
    peers = theirs(spiking.LIFCell, feeds, ["v"], integration_type=method, **options)
    euler = ours(LIFCell(1, **options), feeds)
    agree(euler, peers, "v")
    if method == "no such method":
        with pytest.raises(CircuitError, match="no such method"):
            ours(LIFCell(1, integration_type=method, **options), feeds)
    else:
        mine = ours(LIFCell(1, integration_type=method, **options), feeds)
        assert np.abs(mine["v"] - peers["v"]).max() > 0.1


def test_integrators_of_the_rate_cell():
    feeds, options = constant(0.0, steps=5), {"tau_m": 1.0}
    for asked, taken in (("heun", "rk4"), ("rk4", "euler")):
        peers = theirs(
            graded.RateCell,
            feeds,
            ["z"],
            dt=0.5,
            start={"z": 1.0},
            prior=("gaussian", 1.0),
            integration_type=asked,
            **options,
        )
        cell = RateCell(1, prior="gaussian", integration_type=taken, **options)
        agree(ours(cell, feeds, dt=0.5, start={"z": 1.0}), peers, "z")
        right = ours(cell.replace(integration_type=asked), feeds, dt=0.5, start={"z": 1.0})
        assert np.abs(right["z"] - peers["z"]).max() > 0.01


def test_coupled_equations_are_integrated_together():
    """ngc-learn holds w while it integrates v: its midpoint method is of order 1, bouton's of order 2."""

    def slope(t, y):
        return [y[0] - y[0] ** 3 / 3 - y[1] + 0.5, (y[0] + 0.7 - 0.8 * y[1]) / 12.5]

    end = solve_ivp(slope, (0.0, 8.0), [0.0, 0.0], rtol=1e-10, atol=1e-10).y[:, -1]
    peers, mine = [], []
    for dt in (0.2, 0.1):
        feeds = constant(0.5, steps=round(8.0 / dt))
        found = theirs(spiking.FitzhughNagumoCell, feeds, ["v", "w"], dt=dt, integration_type="midpoint")
        peers.append(np.abs([found["v"][-1, 0] - end[0], found["w"][-1, 0] - end[1]]).max())
        found = ours(FitzhughNagumoCell(1, integration_type="midpoint"), feeds, dt=dt)
        mine.append(np.abs([found["v"][-1, 0] - end[0], found["w"][-1, 0] - end[1]]).max())
    assert math.log2(peers[0] / peers[1]) == pytest.approx(1.0, abs=0.3)
    assert math.log2(mine[0] / mine[1]) == pytest.approx(2.0, abs=0.3)


def test_the_upstroke_of_the_adex_cell_does_not_overflow():
    options = {"integration_type": "midpoint"}
    feeds = constant(25.0, steps=100)
    assert np.isnan(theirs(spiking.AdExCell, feeds, ["v"], **options)["v"][-1])
    mine = ours(AdExCell(1, **options), feeds)
    assert np.isfinite(mine["v"]).all() and np.isfinite(mine["w"]).all() and mine["s"].sum() > 1


@pytest.mark.parametrize("v", [10.0, 25.0])
def test_hodgkin_huxley_cell_where_a_rate_is_0_by_0(v):
    feeds, start = constant(0.0, steps=10), {"v": v, **gates(0.0)}
    assert np.isnan(theirs(spiking.HodgkinHuxleyCell, feeds, ["v"], dt=0.02, start=start, tau_v=1.0)["v"][-1])
    assert np.isfinite(ours(HodgkinHuxleyCell(1), feeds, dt=0.02, start=start)["v"]).all()


def test_hodgkin_huxley_cell_begins_in_the_steady_state():
    feeds = constant(0.0, steps=1)
    peers = theirs(spiking.HodgkinHuxleyCell, feeds, ["n", "m", "h"], dt=0.001, tau_v=1.0)  # as it is built
    mine = ours(HodgkinHuxleyCell(1), feeds, dt=0.001)
    for x, steady in gates(0.0).items():
        assert peers[x] < 0.001 and mine[x] == pytest.approx(steady, abs=1e-4)


def test_raf_cell_is_exact_at_any_step():
    """By default ngc-learn's swings grow without bound at 1 ms."""
    feeds, t = constant(0.0, steps=10), np.arange(1, 11)
    peers = theirs(spiking.RAFCell, feeds, ["v"], v0=0.5, post_spike_reset=False)
    mine = ours(RAFCell(1, v0=0.5, spike_reset=False), feeds)
    np.testing.assert_allclose(mine["v"][:, 0], 0.5 * np.exp(-t) * np.cos(10.0 * t), atol=1e-5)
    assert np.abs(peers["v"][-1]) > 1e10
    with pytest.raises(CircuitError, match="too long"):
        ours(RAFCell(1, integration_type="euler"), feeds)


def test_slif_cell_does_not_write_to_its_input():
    with jax.numpy_dtype_promotion("standard"):
        with Context(next(CONTEXTS)):
            source = graded.RateCell("source", n_units=1, tau_m=10.0)
            cell = spiking.SLIFCell("cell", n_units=1, tau_m=10.0, resist_m=3.0, thr=1.0)
            source.zF >> cell.j
            advance = MethodProcess("advance") >> cell.advance_state
        source.zF.set(jnp.full((1, 1), 2.0))
        advance.run(t=0.0, dt=1.0)
        assert source.zF.get() == 6.0


def test_refractory_units_of_the_wtas_cell_have_no_share():
    """In ngc-learn they have that of a potential of 0, more than units with a negative one."""
    feeds = {"j": np.array([[0.0, 5.0, -5.0], [-3.0, -3.0, -4.0]], np.float32)}
    options, start = {"thr_gain": 0.0}, {"thr": 0.5}
    peers = theirs(spiking.WTASCell, feeds, ["s"], start=start, tau_m=1.0, refract_time=3.0, **options)
    mine = ours(WTASCell(3, refract_time=2.0, **options), feeds, start=start)
    np.testing.assert_array_equal(peers["s"], [[0, 1, 0], [0, 1, 0]])
    np.testing.assert_array_equal(mine["s"], [[0, 1, 0], [1, 0, 0]])


def test_logarithmic_latencies_depend_on_the_input():
    """ngc-learn takes `num_steps` for the least distance to the threshold: all inputs that are nearer fire together."""
    x, options = held([1.0, 0.8, 0.6, 0.4], steps=20), {"tau": 8.0, "threshold": 0.3, "prepare": "calc_spike_times"}
    peers = theirs(encoders.LatencyCell, {"inputs": x}, ["outputs"], **options)
    np.testing.assert_array_equal(peers["outputs"].argmax(0), 2)
    peers = theirs(encoders.LatencyCell, {"inputs": x}, ["outputs"], normalize=True, num_steps=20, **options)
    np.testing.assert_array_equal(peers["outputs"].argmax(0), 0)
    times = 8.0 * np.log(x[0] / (x[0] - 0.3))
    mine = ours(LatencyCell(4, tau=8.0, thr=0.3), {"x": x})
    np.testing.assert_array_equal(mine["s"].argmax(0), np.floor(times))
    mine = ours(LatencyCell(4, tau=8.0, thr=0.3, last_spike_time=19.0), {"x": x})
    np.testing.assert_array_equal(mine["s"].argmax(0), np.floor(times / times.max() * 19.0))


def test_no_latency_is_before_that_of_the_strongest_input():
    x = held([1.2], steps=6)
    options = {"tau": 8.0, "linearize": True, "first_spike_time": 4.0, "prepare": "calc_spike_times"}
    assert theirs(encoders.LatencyCell, {"inputs": x}, ["outputs"], **options)["outputs"].argmax() == 2
    assert ours(LatencyCell(1, tau=8.0, code="linear", first_spike_time=4.0), {"x": x})["s"].argmax() == 4


def test_the_cauchy_threshold_can_be_used():
    feeds = constant(1.0, steps=1)
    with pytest.raises(TypeError, match="maximum"):
        theirs(graded.RateCell, feeds, ["z"], tau_m=10.0, threshold=("cauchy_threshold", 0.1))
    assert np.isfinite(ours(RateCell(1, tau_m=10.0, threshold="cauchy", thr_lmbda=0.1), feeds)["z"]).all()


def test_likelihoods_of_the_error_cells():
    """ngc-learn's Laplacian L counts the units that are wrong, and its Bernoulli dp is squeezed where none is asked."""
    feeds = {"shift": np.array([[0.0, 0.0]], np.float32), "target": np.array([[0.5, -3.0]], np.float32)}
    assert theirs(graded.LaplacianErrorCell, feeds, ["L"])["L"] == -2.0
    assert ours(LaplacianErrorCell(2), feeds)["L"] == -3.5
    feeds = {"p": np.array([[0.2, 0.6]], np.float32), "target": np.array([[1.0, 0.0]], np.float32)}
    slope = np.exp(-feeds["p"]) / (1 + np.exp(-feeds["p"])) ** 2
    gradient = np.array([[1 / 0.2, -1 / 0.4]])
    np.testing.assert_allclose(ours(BernoulliErrorCell(2), feeds)["dp"], gradient, 1e-5)
    np.testing.assert_allclose(theirs(graded.BernoulliErrorCell, feeds, ["dp"])["dp"], gradient * slope, 1e-5)


def test_noise_of_the_leaky_cell_has_the_given_standard_deviation():
    """ngc-learn's is that times the square root of dt."""
    rest, dt = np.zeros((150, 2000), np.float32), 0.25
    options = {"tau_x": 5.0, "sigma_pre": 0.5, "sigma_post": 0.0}
    peers = theirs(graded.LeakyNoiseCell, {"j_input": rest}, ["x"], dt=dt, **options)
    mine = ours(LeakyNoiseCell(2000, tau_x=5.0, sigma=0.5), {"j": rest}, dt=dt)
    assert mine["x"][-1].std() == pytest.approx(0.5, rel=0.1)
    assert peers["x"][-1].std() == pytest.approx(0.5 * math.sqrt(dt), rel=0.1)


def test_the_trace_of_the_last_spike_is_that_of_a_spike():
    """ngc-learn takes the share of the trace off that it had before it decayed."""
    spikes = np.ones((3, 1), np.float32)
    peers = theirs(other.VarTrace, {"inputs": spikes}, ["trace"], dt=5.0, tau_tr=10.0, a_delta=1.0, n_nearest_spikes=1)
    mine = ours(Trace(1, tau_tr=10.0, n_nearest=1, read="after"), {"s": spikes}, dt=5.0)
    np.testing.assert_array_equal(mine["trace"], 1.0)
    np.testing.assert_allclose(peers["trace"][:2, 0], [1.0, math.exp(-0.5)], 1e-6)


def test_the_exponential_kernel_knows_a_spike_at_time_0():
    spikes, options = np.array([[1.0], [0.0]], np.float32), {"tau_w": 5.0, "nu": 4.0}
    np.testing.assert_array_equal(theirs(exp_kernel, {"inputs": spikes}, ["epsp"], dt=0.5, **options)["epsp"], 0.0)
    mine = ours(ExponentialKernel(1, **options), {"s": spikes}, dt=0.5)
    np.testing.assert_allclose(mine["epsp"][:, 0], [1.0, math.exp(-0.1)], 1e-6)
