"""Transmission kernels against their closed forms, at any step length."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
from bouton_synapses_dense import Alpha, Dense, DoubleExponential, Exponential
from jaxtyping import Array, Float

from .drive import run, train


def currents(kernel, spikes, *, dt, weights=1.0, v=None):
    """Currents (step, post) that spikes (step, pre) make; `v` (step, post) where the kernel is a conductance."""
    synapse = bouton.Synapse(Dense(spikes.shape[1], 1 if v is None else v.shape[1]), weights, transmission=kernel)
    return run(synapse, spikes, dt=dt, feeds=None if v is None else {"transmission.v": v})


def difference(t, rise, decay):
    """``exp(-t / decay) - exp(-t / rise)``, from 0 on."""
    return np.where(t >= 0, np.exp(-np.maximum(t, 0) / decay) - np.exp(-np.maximum(t, 0) / rise), 0.0)


def alpha(t, tau):
    return np.where(t >= 0, t / tau * np.exp(-np.maximum(t, 0) / tau), 0.0)


def peak_time(rise, decay):
    return rise * decay / (decay - rise) * np.log(decay / rise)


KERNELS = {
    "exponential": (Exponential(4.0), lambda t: np.where(t >= 0, np.exp(-np.maximum(t, 0) / 4), 0.0)),
    "alpha": (Alpha(4.0), lambda t: alpha(t, 4.0)),
    "alpha, peak": (Alpha(4.0, normalize="peak"), lambda t: np.e * alpha(t, 4.0)),
    "double": (
        DoubleExponential(1.5, 6.0),
        lambda t: difference(t, 1.5, 6.0) / difference(peak_time(1.5, 6.0), 1.5, 6.0),
    ),
    "double, area": (
        DoubleExponential(1.5, 6.0, normalize="area"),
        lambda t: difference(t, 1.5, 6.0) * 6.0 / (6.0 - 1.5),
    ),
    "double, none": (DoubleExponential(1.5, 6.0, normalize="none"), lambda t: difference(t, 1.5, 6.0)),
    "double, equal": (DoubleExponential(4.0, 4.0), lambda t: np.e * alpha(t, 4.0)),
    "double, equal, area": (DoubleExponential(4.0, 4.0, normalize="area"), lambda t: alpha(t, 4.0)),
}
each_kernel = pytest.mark.parametrize(("kernel", "closed"), KERNELS.values(), ids=KERNELS)


@each_kernel
@pytest.mark.parametrize("dt", [0.05, 0.5, 1.0, 2.0])
def test_a_spike_makes_the_kernel_at_any_step_length(kernel, closed, dt):
    """n steps after that of the arrival the current is the closed form at n dt; in the step of the arrival, at 0."""
    steps, first = round(24 / dt), round(4 / dt)
    got = currents(kernel.replace(g_bar=2.5), train(steps, first), dt=dt, weights=0.8)
    np.testing.assert_allclose(got[:, 0], 2.0 * closed((np.arange(steps) - first) * dt), rtol=5e-5, atol=1e-6)


@each_kernel
def test_spikes_superpose(kernel, closed):
    at = (2, 3, 9)
    t = np.arange(40) * 0.5
    want = sum(closed(t - n * 0.5) for n in at)
    np.testing.assert_allclose(currents(kernel, train(40, *at), dt=0.5)[:, 0], want, rtol=5e-5, atol=1e-6)


PEAKS_AND_AREAS = [
    (Exponential(4.0, g_bar=3.0), 3.0, 12.0),
    (Alpha(4.0, g_bar=3.0), 3.0 / np.e, 12.0),
    (Alpha(4.0, normalize="peak", g_bar=3.0), 3.0, 12.0 * np.e),
    (DoubleExponential(1.0, 4.0, g_bar=3.0), 3.0, None),
    (DoubleExponential(1.0, 4.0, normalize="area", g_bar=3.0), None, 12.0),
    (DoubleExponential(1.0, 4.0, normalize="none", g_bar=3.0), None, 9.0),
    (DoubleExponential(4.0, 4.0, g_bar=3.0), 3.0, 12.0 * np.e),
]


@pytest.mark.parametrize(("kernel", "peak", "area"), PEAKS_AND_AREAS, ids=str)
def test_peak_and_area(kernel, peak, area):
    dt = 0.02
    g = currents(kernel, train(round(80 / dt), 0), dt=dt)[:, 0].astype(float)
    if peak is not None:
        np.testing.assert_allclose(g.max(), peak, rtol=1e-4)
    if area is not None:
        np.testing.assert_allclose(np.trapezoid(g, dx=dt), area, rtol=1e-4)


def test_the_alpha_function_peaks_after_its_time_constant_and_the_double_exponential_when_the_formula_says():
    for kernel, when in ((Alpha(4.0), 4.0), (DoubleExponential(1.0, 5.0), peak_time(1.0, 5.0))):
        assert abs(currents(kernel, train(2000, 0), dt=0.01)[:, 0].argmax() * 0.01 - when) <= 0.02


@pytest.mark.parametrize("normalize", ["peak", "area"])
@pytest.mark.parametrize("apart", [0.0, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.3])
def test_nearly_equal_time_constants_lose_no_digits(apart, normalize):
    """Against the difference of exponentials in double precision, and the alpha function where that has no digits."""
    rise = np.float64(np.float32(5.0 * (1 - apart)))
    t = np.arange(50) * 0.7
    want = alpha(t, 5.0) * (1 if normalize == "area" else np.e)
    if 5.0 - rise > 1e-5:
        scale = difference(peak_time(rise, 5.0), rise, 5.0) if normalize == "peak" else (5.0 - rise) / 5.0
        want = difference(t, rise, 5.0) / scale
    got = currents(DoubleExponential(rise, 5.0, normalize=normalize), train(50, 0), dt=0.7)[:, 0]
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize("rise", [2.0, 4.5, 4.99, 4.99999, 5.0])
@pytest.mark.parametrize("normalize", ["peak", "area", "none"])
def test_derivatives_by_the_time_constants_pass_smoothly_through_equal_ones(rise, normalize):
    """Against central differences of the formula in double precision, whose points are never the equal ones."""
    kernel = DoubleExponential(rise, 5.0, normalize=normalize)

    def formula(rise, decay, t=7.0):
        g = difference(t, rise, decay)
        scale = {"peak": difference(peak_time(rise, decay), rise, decay), "area": (decay - rise) / decay, "none": 1.0}
        return g / scale[normalize]

    def after_seven(taus):
        s = kernel.State(g=jnp.zeros(()), h=jnp.zeros(()))
        moved = kernel.replace(tau_rise=taus[0], tau_decay=taus[1]).moved
        s = moved(s, bouton.Arriving.of(1.0), 1.0)
        for _ in range(7):
            s = moved(s, bouton.Arriving.of(0.0), 1.0)
        return s.g

    got = jax.jit(jax.grad(after_seven))(jnp.array([rise, 5.0]))
    h = 1.3e-3
    want = [
        (formula(rise + h, 5.0) - formula(rise - h, 5.0)) / (2 * h),
        (formula(rise, 5.0 + h) - formula(rise, 5.0 - h)) / (2 * h),
    ]
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-5)


def test_under_a_regular_train_the_current_settles():
    """A spike every 5 steps: just after one, 1 + q + q^2 + ... = 1 / (1 - q)."""
    got = currents(Exponential(tau=10.0), train(400, *range(0, 400, 5)), dt=1.0)
    np.testing.assert_allclose(got[395, 0], 1 / (1 - np.exp(-5 / 10)), rtol=1e-5)


def test_time_constants_and_sizes_of_each_unit():
    spikes, v, t = train(10, 0), np.zeros((10, 2)), np.arange(10)[:, None]
    taus, sizes = np.array([2.0, 8.0]), np.array([1.0, 3.0])
    for kernel, want in (
        (Exponential(taus, g_bar=sizes, reversal=1.0), np.exp(-t / taus)),
        (Alpha(taus, g_bar=sizes, reversal=1.0), t / taus * np.exp(-t / taus)),
        (
            DoubleExponential([1.0, 8.0], taus, normalize="area", g_bar=sizes, reversal=1.0),
            np.stack([difference(t[:, 0], 1, 2) * 2, alpha(t[:, 0], 8)], 1),
        ),
    ):
        np.testing.assert_allclose(currents(kernel, spikes, dt=1.0, v=v), sizes * want, rtol=1e-5, atol=1e-7)


def test_a_conductance_drives_towards_its_reversal_potential():
    v = np.array([[-65.0], [-65.0], [0.0], [10.0]])
    got = currents(Exponential(tau=5.0, reversal=0.0), train(4, 0), dt=1.0, weights=0.2, v=v)
    g = 0.2 * np.exp(-np.arange(4) / 5)
    np.testing.assert_allclose(got[:, 0], g * (0 - v[:, 0]), rtol=1e-5, atol=1e-7)


class Membrane(bouton.Component):
    """v' = (v_rest - v + j) / tau by Euler."""

    class In(bouton.Ports):
        j: Float[Array, "*batch unit"] = bouton.port(doc="current")

    class State(bouton.Ports):
        v: Float[Array, "*batch unit"] = bouton.port("mV", doc="potential")

    def dims(self):
        return {"unit": 1}

    def init(self, *, key, dt, batch=()):
        return self.State(v=-65.0)

    def advance(self, s, x, tick):
        return self.State(v=s.v + tick.dt / 20 * (-65 - s.v + x.j)), self.Out()


def potentials(kernel, spikes, dt):
    """Potentials after each step of a passive cell with one synapse that is a conductance."""
    circuit = bouton.Circuit(
        nodes={"ff": bouton.Synapse(Dense(1, 1), weights=0.3, transmission=kernel), "cell": Membrane()},
        wires={"cell.j": "ff.current", "ff.transmission.v": "cell.v"},
    )

    @jax.jit
    def series():
        def body(state, at):
            state, _ = circuit.step(state, bouton.Tick(step=at[0], dt=dt), {"ff.pre": at[1]})
            return state, state["cell"].v[0]

        state = circuit.init(key=jax.random.key(0), dt=dt)
        return jax.lax.scan(body, state, (jnp.arange(len(spikes)), jnp.asarray(spikes)))[1]

    return np.asarray(series())


@pytest.mark.parametrize("name", ["exponential", "alpha", "double", "double, equal"])
def test_a_conductance_into_a_passive_cell_converges_to_the_solution(name):
    """Against an independent solver; the cell is advanced by Euler, so the error halves with the step."""
    kernel, closed = KERNELS[name]

    def slope(t, v):
        return (-65 - v + 0.3 * closed(t) * (0 - v)) / 20

    solved = scipy.integrate.solve_ivp(slope, (0, 30), [-65.0], rtol=1e-9, atol=1e-9, t_eval=[5.0, 10.0, 30.0]).y[0]

    def wrong(dt):
        after = potentials(kernel.replace(reversal=0.0), train(round(30 / dt), 0).astype(np.float32), dt)
        return after[[round(t / dt) - 1 for t in (5, 10, 30)]] - solved

    coarse, fine = wrong(0.1), wrong(0.05)
    assert np.abs(fine).max() < 0.05
    np.testing.assert_allclose(coarse, 2 * fine, rtol=0.1, atol=1e-3)


def test_under_a_steady_conductance_a_membrane_settles_between_rest_and_reversal():
    """v' = ((v_rest - v) + g (E - v)) / tau has the fixed point (v_rest + g E) / (1 + g)."""
    settled = potentials(Exponential(tau=5.0, reversal=0.0), np.ones((3000, 1), np.float32), 0.1)[-1]
    g = 0.3 / (1 - np.exp(-0.1 / 5))
    np.testing.assert_allclose(settled, -65 / (1 + g), rtol=1e-4)


def test_a_conductance_must_be_told_the_potential():
    circuit = bouton.Circuit(nodes={"ff": bouton.Synapse(Dense(1, 1), transmission=Alpha(reversal=0.0))})
    state = circuit.init(key=jax.random.key(0), dt=1.0)
    with pytest.raises(bouton.CircuitError, match=r"nothing feeds 'ff\.transmission\.v'"):
        circuit.step(state, bouton.Tick(step=0, dt=1.0), {"ff.pre": jnp.ones(1)})


@pytest.mark.parametrize(
    ("transmission", "message"),
    [
        (Exponential(0.0), r"ff\.transmission\.tau must be > 0 ms, got 0"),
        (Exponential([1.0, -1.0]), r"ff\.transmission\.tau\[1\] must be > 0 ms, got -1"),
        (Exponential(g_bar=-1.0), r"ff\.transmission\.g_bar must be >= 0, got -1"),
        (Alpha(np.inf), r"ff\.transmission\.tau must be finite, got inf"),
        (Alpha(normalize="paek"), r"normalize must be one of 'area', 'peak', got 'paek'\. Did you mean 'peak'\?"),
        (DoubleExponential(np.nan), r"ff\.transmission\.tau_rise must be a number, got nan"),
        (DoubleExponential(tau_decay=-2.0), r"ff\.transmission\.tau_decay must be > 0 ms, got -2"),
    ],
    ids=str,
)
def test_bad_parameters_are_said_when_built(transmission, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit(nodes={"ff": bouton.Synapse(Dense(1, 2), transmission=transmission)})


def test_a_rise_longer_than_the_decay_is_refused():
    circuit = bouton.Circuit({"ff": bouton.Synapse(Dense(1, 2), transmission=DoubleExponential([1.0, 6.0], 5.0))})
    message = r"ff: transmission: tau_rise must not be longer than tau_decay, got 6 and 5 ms: the longer of the two"
    with pytest.raises(bouton.CircuitError, match=message):
        circuit.init(key=jax.random.key(0), dt=1.0)


def test_drawn_time_constants():
    kernel = DoubleExponential(bouton.Uniform(1.0, 2.0), bouton.Uniform(3.0, 6.0))
    drawn = bouton.Circuit({"ff": bouton.Synapse(Dense(1, 5), transmission=kernel)}).realise(jax.random.key(1))
    kernel = drawn.nodes["ff"].transmission
    got = run(drawn.nodes["ff"], train(30, 0), dt=0.5)
    rise, decay = np.asarray(kernel.tau_rise, float), np.asarray(kernel.tau_decay, float)
    assert len(set(rise)) == 5 and (1 <= rise).all() and (rise < 2).all() and (3 <= decay).all()
    t = np.arange(30)[:, None] * 0.5
    want = difference(t, rise, decay) / difference(peak_time(rise, decay), rise, decay)
    np.testing.assert_allclose(got, want, rtol=5e-5, atol=1e-6)


def test_several_time_constants_at_once_by_vmap():
    """A sweep over both, through equal ones, under jit and vmap: the parameters are traced."""
    circuit = bouton.Circuit({"ff": bouton.Synapse(Dense(1, 1), transmission=DoubleExponential())})
    spikes = jnp.asarray(train(12, 0), float)

    @jax.jit
    @jax.vmap
    def series(rise):
        swept = circuit.with_parameters({"ff.transmission.tau_rise": rise})

        def body(state, at):
            state, out = swept.step(state, bouton.Tick(step=at[0], dt=1.0), {"ff.pre": at[1]})
            return state, out["ff"].current[0]

        return jax.lax.scan(body, swept.init(key=jax.random.key(0), dt=1.0), (jnp.arange(12), spikes))[1]

    got, t = series(jnp.array([1.0, 5.0])), np.arange(12.0)
    want = [difference(t, 1, 5) / difference(peak_time(1, 5), 1, 5), np.e * alpha(t, 5)]
    np.testing.assert_allclose(got, want, rtol=5e-5, atol=1e-6)
