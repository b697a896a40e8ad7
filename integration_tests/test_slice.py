"""One circuit of parts from all six packages, through all that a user may ask of it."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import optax
from bouton import Circuit, Clip, ExponentialDecay, Gaussian, Given, Synapse, Tick, Uniform, port
from bouton_cells import LIFCell, PoissonCell
from bouton_competitive import SOMSynapse
from bouton_learning import TraceSTDP
from bouton_synapses_conv import Conv
from bouton_synapses_dense import Dense, Exponential
from jaxtyping import Array, Float

RULE = TraceSTDP(a_plus=0.2, a_minus=0.1)


class Rate(bouton.Component):
    """A low-pass of spikes, for the test's own use: r' = -r / tau."""

    n_units: int = bouton.static(dim="unit")

    class In(bouton.Ports):
        s: Float[Array, "*batch unit"] = port()

    class State(bouton.Ports):
        r: Float[Array, "*batch unit"] = port()

    def advance(self, s, x, tick):
        return self.State(r=s.r * jnp.exp(-tick.dt / 20.0) + x.s), self.Out()


def circuit(**changes):
    """Spikes of an image -> kernels that learn -> cells -> conductances that learn -> cells -> rates -> a SOM."""
    nodes = {
        "image": PoissonCell(n_units=(6, 6), target_freq=200.0),
        "conv": Synapse(
            Conv((6, 6, 1), kernel=3, channels_out=2, stride=2),
            weights=Uniform(20.0, 60.0),
            plasticity=RULE,
            constraints=(Clip(0.0, 80.0),),
        ),
        "map": LIFCell(n_units=(3, 3, 2)),
        "ff": Synapse(
            Dense(18, 5), weights=Uniform(0.05, 0.2), transmission=Exponential(reversal=0.0, unit="1"), plasticity=RULE
        ),
        "exc": LIFCell(n_units=5, one_spike=True),
        "rate": Rate(5),
        "som": SOMSynapse(5, (2, 3), radius=ExponentialDecay(1.5, 100.0, 0.5)),
    }
    wires = {
        "conv.pre": "image.s",
        "conv.post": "map.s",
        "map.j": "conv.current",
        "ff.pre": bouton.delayed("map.s", 1.0),
        "ff.post": "exc.s",
        "ff.transmission.v": "exc.v",
        "exc.j": "ff.current",
        "rate.s": "exc.s_raw",
        "som.pre": "rate.r",
    }
    return Circuit(nodes=nodes | changes, wires=wires)


def scanned(c, *, steps=60, dt=1.0, batch=(), learn=True, seed=0, state=None, inputs=None, first=0):
    """Final state, and what all nodes put out in each step."""
    inputs = {"image.x": jnp.ones(36)} if inputs is None else inputs

    def body(state, step):
        tick = Tick(step=step, dt=dt, key=jax.random.key(seed), batch=batch)
        return c.step(state, tick, inputs, learn=learn)

    state = c.init(key=jax.random.key(seed), dt=dt, batch=batch) if state is None else state
    return jax.lax.scan(body, state, first + jnp.arange(steps))


run = jax.jit(scanned, static_argnames=("steps", "dt", "batch", "learn", "seed"))


def assert_trees_equal(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for (path, x), y in zip(jax.tree_util.tree_leaves_with_path(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y, err_msg=jax.tree_util.keystr(path))


def persistent(c, state):
    """States that a trained circuit consists of, by name."""
    return {
        f"{node}.{name}": np.asarray(c.value(state, {}, f"{node}.{name}"))
        for node, names in {
            "conv": ["w"],
            "ff": ["w"],
            "map": ["thr_theta"],
            "exc": ["thr_theta"],
            "som": ["w", "t"],
        }.items()
        for name in names
    }


# ---- all six together ----------------------------------------------------------------------------------------------


def test_parts_of_all_packages_take_part_and_learn():
    c = circuit()
    parts = [*c.components.values(), c.nodes["conv"].topology, c.nodes["conv"].plasticity, c.nodes["ff"].topology]
    family = {type(part).__module__.split(".")[0] for part in parts}
    packages = {"cells", "competitive", "learning", "synapses_conv", "synapses_dense"}
    assert family >= {"bouton"} | {f"bouton_{package}" for package in packages}
    start = c.init(key=jax.random.key(0), dt=1.0)
    state, out = run(c, steps=200)
    for spikes in (out["image"].s, out["map"].s, out["exc"].s, out["exc"].s_raw):
        assert 0 < spikes.mean() < 1
    assert out["exc"].s.sum(-1).max() == 1
    before = persistent(c, start)
    for name, value in persistent(c, state).items():
        assert np.isfinite(value).all()
        assert (value != before[name]).any(), name
    assert state["som"].t == 200
    assert len(np.unique(out["som"].winner)) > 1
    np.testing.assert_array_equal(out["som"].h.max(-1), 1.0)


def test_the_schedule_follows_the_wires():
    lines = circuit().schedule.splitlines()
    at = {line.split()[1]: i for i, line in enumerate(lines) if line.startswith("advance")}
    assert at["image"] < at["conv"] < at["map"]
    assert at["ff"] < at["exc"] < at["rate"]
    assert [line.split()[1] for line in lines if line.startswith("evolve")].count("som") == 1


def test_without_learning_what_persists_stays_to_the_bit():
    c = circuit()
    trained, _ = run(c, steps=100)
    state, out = run(c, steps=100, learn=False, state=trained, first=100)
    assert out["exc"].s.any()
    after = persistent(c, state)
    for name, value in persistent(c, trained).items():
        np.testing.assert_array_equal(value, after[name], err_msg=name)
    assert (state["exc"].v != trained["exc"].v).any()


def test_a_reset_renews_all_but_what_persists_at_any_batch_size():
    c = circuit()
    state, _ = run(c, steps=50, batch=(3,))
    kept = persistent(c, state)
    for batch in ((), (2, 2)):
        state = c.reset(state, key=jax.random.key(1), dt=1.0, batch=batch)
        for name, value in persistent(c, state).items():
            np.testing.assert_array_equal(value, kept[name], err_msg=name)
        np.testing.assert_array_equal(state["map"].v, np.full((*batch, 18), -65.0))
        _, out = run(c, steps=3, batch=batch, state=state, learn=False)
        assert out["exc"].s.shape == (3, *batch, 5)
        assert out["conv"].current.shape == (3, *batch, 3, 3, 2)
        assert out["som"].winner.shape == (3, *batch)


def test_lanes_of_a_batch_are_samples_of_one_organism():
    """Without learning each lane is what it would be alone; its spikes are given, not drawn."""
    c = Circuit(
        nodes={n: circuit().nodes[n] for n in ("conv", "map", "ff")} | {"exc": LIFCell(n_units=5)},
        wires={
            "map.j": "conv.current",
            "conv.post": "map.s",
            "ff.pre": "map.s",
            "ff.post": "exc.s",
            "ff.transmission.v": "exc.v",
            "exc.j": "ff.current",
        },
    )
    spikes = (np.random.default_rng(0).random((4, 36)) < 0.5).astype(np.float32)
    _, together = run(c, steps=30, batch=(4,), learn=False, inputs={"conv.pre": spikes})
    assert together["exc"].s.any()
    for lane in range(4):
        _, alone = run(c, steps=30, learn=False, inputs={"conv.pre": spikes[lane]})
        np.testing.assert_allclose(together["map"].s[:, lane], alone["map"].s)
        np.testing.assert_allclose(together["ff"].current[:, lane], alone["ff"].current, rtol=1e-4, atol=1e-4)


# ---- parameters and start values -----------------------------------------------------------------------------------


def test_parameters_of_each_neuron_are_those_of_neurons_alone():
    drive = {"exc.j": jnp.full(3, 30.0)}
    taus, thrs = [5.0, 20.0, 60.0], [-55.0, -52.0, -45.0]
    _, together = run(Circuit(nodes={"exc": LIFCell(n_units=3, tau_m=taus, thr=thrs)}), steps=80, inputs=drive)
    for i, (tau, thr) in enumerate(zip(taus, thrs, strict=True)):
        c = Circuit(nodes={"exc": LIFCell(n_units=1, tau_m=tau, thr=thr)})
        _, alone = run(c, steps=80, inputs={"exc.j": jnp.full(1, 30.0)})
        np.testing.assert_array_equal(together["exc"].s[:, i], alone["exc"].s[:, 0])
    assert len(set(np.asarray(together["exc"].s.sum(0)).tolist())) == 3


def test_parameters_may_be_drawn():
    c = circuit(exc=LIFCell(n_units=5, tau_m=Uniform(10.0, 30.0), v_reset=Gaussian(-60.0, 1.0)))
    drawn, other = c.realise(jax.random.key(0)), c.realise(jax.random.key(1))
    tau = drawn.nodes["exc"].tau_m
    assert tau.shape == (5,)
    assert (tau >= 10).all() and (tau < 30).all() and len(np.unique(tau)) == 5
    assert (tau != other.nodes["exc"].tau_m).all()
    assert np.isfinite(run(drawn)[0]["exc"].v).all()


def test_start_values_may_be_drawn_and_differ_in_each_sample():
    c = circuit()
    c = Circuit(nodes=c.nodes, wires=c.wires, start={"exc.v": Uniform(-65.0, -55.0), "conv.w": 30.0})
    state = c.init(key=jax.random.key(0), dt=1.0, batch=4)
    v = np.asarray(state["exc"].v)
    assert v.shape == (4, 5)
    assert (v >= -65).all() and (v < -55).all() and len(np.unique(v)) == 20
    np.testing.assert_array_equal(state["conv"].w, np.full((3, 3, 1, 2), 30.0))
    again = c.renew(state, key=jax.random.key(1), dt=1.0, batch=4)
    assert (np.asarray(again["exc"].v) != v).all()


# ---- wires ---------------------------------------------------------------------------------------------------------


def test_a_conductance_reads_the_potential_that_the_last_step_left():
    c = Circuit(
        nodes={
            "ff": Synapse(
                Dense(2, 1), weights=Given(np.array([[0.3], [0.1]])), transmission=Exponential(tau=4.0, reversal=0.0)
            ),
            "exc": LIFCell(n_units=1, theta_plus=None),
        },
        wires={"exc.j": "ff.current", "ff.transmission.v": "exc.v"},
    )
    _, out = run(c, steps=30, inputs={"ff.pre": jnp.array([1.0, 1.0])})
    v, g, quiet, expected, spikes = -65.0, 0.0, np.inf, [], []
    for _ in range(30):
        g = g * np.exp(-1 / 4) + 0.4
        expected.append(g * (0 - v))
        v += (-65 - v + (expected[-1] if quiet >= 5 else 0.0)) / 20
        spikes.append(v > -52)
        v, quiet = (-60.0, 0) if spikes[-1] else (v, quiet + 1)
    assert 1 < sum(spikes) < 15
    np.testing.assert_array_equal(out["exc"].s[:, 0] > 0, spikes)
    np.testing.assert_allclose(out["ff"].current[:, 0], expected, rtol=1e-4)


def test_a_circuit_as_a_node_is_the_same_circuit():
    cells = {"a": LIFCell(n_units=3), "ff": Synapse(Dense(3, 2), weights=300.0), "b": LIFCell(n_units=2)}
    wires = {"ff.pre": "a.s", "b.j": "ff.current"}
    column = Circuit(nodes=cells, wires=wires, start={"a.v": -58.0})
    outer = Circuit(
        nodes={"one": column, "two": column, "link": Synapse(Dense(2, 3), weights=300.0)},
        wires={"link.pre": "one.b.s", "two.a.j": "link.current"},
    )
    flat = Circuit(
        nodes={f"{n}_{k}": v for n in ("one", "two") for k, v in cells.items()} | {"link": outer.nodes["link"]},
        wires={f"{n}_{k}": f"{n}_{v}" for n in ("one", "two") for k, v in wires.items()}
        | {"link.pre": "one_b.s", "two_a.j": "link.current"},
        start={"one_a.v": -58.0, "two_a.v": -58.0},
    )
    drive = jnp.array([30.0, 40.0, 60.0])
    _, nested = run(outer, steps=200, inputs={"one.a.j": drive})
    _, plain = run(flat, steps=200, inputs={"one_a.j": drive})
    assert nested["two.b"].s.any()
    for name in ("one.a", "one.b", "two.a", "two.b"):
        np.testing.assert_array_equal(nested[name].s, plain[name.replace(".", "_")].s)


# ---- precision and transformations ---------------------------------------------------------------------------------


def test_double_precision_throughout():
    with jax.enable_x64(True):
        c = circuit()
        state, out = jax.jit(lambda: scanned(c, steps=20, batch=(2,)))()
        floats = [leaf for leaf in jax.tree.leaves((state, out)) if jnp.issubdtype(leaf.dtype, jnp.floating)]
        assert {leaf.dtype for leaf in floats} == {jnp.dtype("float64")}
        free = Circuit(nodes={"exc": LIFCell(n_units=1, integration_type="exact")}, start={"exc.v": -80.0})
        state, _ = scanned(free, steps=100, dt=0.1, inputs={})
        np.testing.assert_allclose(state["exc"].v[0], -65 - 15 * np.exp(-10 / 20), rtol=1e-13)


def test_compiled_step_by_step_and_in_pieces_it_is_the_same():
    c, steps = circuit(), 12
    whole, _ = run(c, steps=steps)
    half, _ = run(c, steps=steps // 2)
    assert_trees_equal(whole, run(c, steps=steps // 2, state=half, first=steps // 2)[0])
    state, step = c.init(key=jax.random.key(0), dt=1.0), jax.jit(c.step)
    for n in range(steps):
        tick = Tick(step=n, dt=1.0, key=jax.random.key(0))
        state, _ = step(state, tick, {"image.x": jnp.ones(36)})
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(state), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_a_sweep_by_vmap_is_a_loop():
    c, taus, rates = circuit(), [10.0, 20.0, 40.0], [0.0, 0.1, 0.2]

    def swept(tau, rate):
        return scanned(c.with_parameters({"map.tau_m": tau, "conv.plasticity.a_plus": rate}), steps=40)

    state, out = jax.jit(jax.vmap(swept))(jnp.array(taus), jnp.array(rates))
    for i, (tau, rate) in enumerate(zip(taus, rates, strict=True)):
        alone, one = jax.jit(swept)(tau, rate)
        np.testing.assert_array_equal(out["map"].s[i], one["map"].s)
        np.testing.assert_allclose(state["conv"].w[i], alone["conv"].w, rtol=1e-4)
    assert len({float(s) for s in out["map"].s.sum((1, 2))}) == 3


def test_gradients_are_those_of_finite_differences_where_nothing_spikes():
    """The potential at the end of a chain kernels -> conductances -> membrane, by kernels and time constants."""
    with jax.enable_x64(True):
        c = Circuit(
            nodes={
                "conv": Synapse(Conv((4, 4, 1), kernel=3, channels_out=1), weights=Uniform(0.0, 0.1)),
                "ff": Synapse(Dense(16, 2), weights=Uniform(0.0, 0.1), transmission=Exponential(reversal=0.0)),
                "exc": LIFCell(n_units=2, thr=0.0),
            },
            wires={"ff.pre": "conv.current", "exc.j": "ff.current", "ff.transmission.v": "exc.v"},
        )
        state = c.init(key=jax.random.key(0), dt=1.0)
        x = jnp.asarray(np.random.default_rng(0).random((4, 4, 1)))

        @jax.jit
        def end(p):
            changed = c.with_parameters({"exc.tau_m": p["tau_m"], "ff.transmission.tau": p["tau"]})
            start = {**state, "conv": state["conv"].replace(w=p["w"])}
            return scanned(changed, steps=15, state=start, inputs={"conv.pre": x})[0]["exc"].v.sum()

        p = {"w": state["conv"].w, "tau_m": jnp.asarray(20.0), "tau": jnp.asarray(5.0)}
        gradient = jax.jit(jax.grad(end))(p)
        for name in p:
            direction = {k: jnp.full_like(v, float(k == name)) for k, v in p.items()}
            up, down = (jax.tree.map(lambda a, d, e=e: a + e * d, p, direction) for e in (1e-5, -1e-5))
            np.testing.assert_allclose(gradient[name].sum(), (end(up) - end(down)) / 2e-5, rtol=1e-6, err_msg=name)
        assert (gradient["w"] != 0).all()


def test_gradients_of_spikes_reach_kernels_through_the_whole_circuit():
    c = circuit()
    state = c.init(key=jax.random.key(0), dt=1.0, batch=2)

    def activity(w):
        start = {**state, "conv": state["conv"].replace(w=w)}
        return scanned(c, steps=25, batch=(2,), state=start, learn=False)[1]["exc"].s_raw.mean()

    gradient = jax.jit(jax.grad(activity))(state["conv"].w)
    assert np.isfinite(gradient).all()
    assert (gradient > 0).all()  # stronger kernels, more spikes


def test_a_classifier_trained_by_surrogate_gradients():
    """Exclusive or of two groups of Poisson inputs: no map from input rates without hidden cells exceeds 75 %."""
    cell = {"v_rest": 0.0, "v_reset": 0.0, "theta_plus": None, "refract_time": 0.0}
    c = Circuit(
        nodes={
            "in": PoissonCell(n_units=10, target_freq=600.0),
            "w1": Synapse(Dense(10, 24), weights=bouton.FanInGaussian(10.0), bias=0.0),
            "hidden": LIFCell(n_units=24, tau_m=10.0, thr=1.0, **cell),
            "w2": Synapse(Dense(24, 2), weights=bouton.FanInGaussian(1.0)),
            "out": LIFCell(n_units=2, tau_m=10.0, thr=1e6, **cell),  # a leaky sum that never spikes
        },
        wires={"w1.pre": "in.s", "hidden.j": "w1.current", "w2.pre": "hidden.s", "out.j": "w2.current"},
    )
    steps, lanes = 25, 64
    start = c.init(key=jax.random.key(0), dt=1.0, batch=lanes)

    def sample(key):
        bits = jax.random.bernoulli(key, shape=(lanes, 2))
        return jnp.repeat(jnp.where(bits, 1.0, 0.05), 5, axis=1), (bits[:, 0] ^ bits[:, 1]).astype(int)

    def scores(w, x, key):
        state = {**start, "w1": start["w1"].replace(w=w["w1"], b=w["b1"]), "w2": start["w2"].replace(w=w["w2"])}

        def body(state, step):
            state, _ = c.step(state, Tick(step=step, dt=1.0, key=key, batch=(lanes,)), {"in.x": x})
            return state, state["out"].v

        return jax.lax.scan(body, state, jnp.arange(steps))[1].mean(0)

    def loss(w, key):
        x, label = sample(key)
        return optax.softmax_cross_entropy_with_integer_labels(4 * scores(w, x, key), label).mean()

    optimiser = optax.adam(0.1)

    @jax.jit
    def train(w, keys):
        def body(carry, key):
            w, memory = carry
            value, gradient = jax.value_and_grad(loss)(w, key)
            with jax.numpy_dtype_promotion("standard"):  # inside, optax mixes dtypes
                changes, memory = optimiser.update(gradient, memory)
            return (optax.apply_updates(w, changes), memory), value

        return jax.lax.scan(body, (w, optimiser.init(w)), keys)

    @jax.jit
    def accuracy(w, keys):
        def right(key):
            x, label = sample(key)
            return (scores(w, x, key).argmax(-1) == label).mean()

        return jax.lax.map(right, keys).mean()

    w = {"w1": start["w1"].w, "b1": start["w1"].b, "w2": start["w2"].w}
    training, held_out = jax.random.split(jax.random.key(1), 60), jax.random.split(jax.random.key(2), 8)
    before = accuracy(w, held_out)
    (w, _), _ = train(w, training)
    assert before < 0.75
    assert accuracy(w, held_out) > 0.9
