"""SpikePlayback: each spike in its step, for any order, step, period and length of the run."""

import bouton
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import PoissonCell, SpikePlayback


class TestSpikePlayback(ComponentTests):
    component = SpikePlayback((2, 2), units=[3, 0, 1, 2, 0], times=[5.0, 0.0, 2.5, 2.0, 3.999])


class TestSpikePlaybackRepeated(ComponentTests):
    component = SpikePlayback(2, units=[1, 0], times=[1.0, 2.0], period=3.0)


class TestSpikePlaybackOfNothing(ComponentTests):
    component = SpikePlayback(2, units=[], times=[])


def played(cell, duration, *, dt=1.0, **options):
    circuit = bouton.Circuit({"input": cell}, start=options.pop("start", {}))
    run = bouton.simulate(circuit, duration, dt=dt, record={"input.s": 1}, progress=False, **options)
    return run["input.s"].values


def by_hand(n, units, times, steps, dt):
    s = np.zeros((steps, n), bool)
    for unit, t in zip(units, times, strict=True):
        if (at := int(np.floor(t / dt + 1e-3))) < steps:
            s[at, unit] = True
    return s


def spikes(n, count, duration, dt, seed=0):
    """Random spikes in random order, some of them many at once, no two of a unit in one step."""
    rng = np.random.default_rng(seed)
    units, times = rng.integers(n, size=count), rng.uniform(0, duration, count)
    units = np.concatenate([units, np.arange(n)])
    times = np.concatenate([times, np.full(n, duration / 3)])
    _, first = np.unique(np.stack([np.floor(times / dt + 1e-3), units]), axis=1, return_index=True)
    order = rng.permutation(first)
    return units[order], times[order]


@pytest.mark.parametrize("dt", [1.0, 0.1])
def test_each_spike_comes_out_in_its_step(dt):
    units, times = spikes(9, 300, 100.0, dt)
    steps = round(80 / dt)  # some spikes lie behind the end
    want = by_hand(9, units, times, steps, dt)
    cell = SpikePlayback(9, units, times)
    np.testing.assert_array_equal(played(cell, 80.0, dt=dt, chunk=37), want)
    batch = played(cell, 80.0, dt=dt, batch=2)
    np.testing.assert_array_equal(batch, want if batch.ndim == 2 else np.stack([want, want], 1))


def test_times_on_the_border_of_a_step_belong_to_the_later_one():
    """Sums of 0.1 lie on either side of the border by rounding."""
    times = np.cumsum(np.full(200, 0.1))
    s = played(SpikePlayback(1, np.zeros(200, int), times), 30.0, dt=0.1)[:, 0]
    np.testing.assert_array_equal(np.flatnonzero(s), np.arange(1, 201))
    just_before = SpikePlayback(2, [0, 1], [4.9995, 4.99])
    np.testing.assert_array_equal(np.argwhere(played(just_before, 10.0)), [[4, 1], [5, 0]])


@pytest.mark.parametrize("dt", [0.1, 0.3])
def test_digits_do_not_run_out_in_a_long_run(dt):
    """Ten steps after 1e6 s, where float32 has steps of 64 ms."""
    step = int(np.ceil(1e9 / dt))
    begin = step * dt
    times = begin + (np.arange(10) + 0.5) * dt
    cell = SpikePlayback(10, np.arange(10), times)
    ms = np.floor(begin)
    start = {"input.ms": bouton.Given(np.array(ms)), "input.ps": bouton.Given(np.array(round((begin - ms) * 1e9)))}
    with jax.enable_x64(True):
        np.testing.assert_array_equal(played(cell, 10 * dt, dt=dt, start=start), np.eye(10))


def test_a_period_repeats_all_spikes():
    once = spikes(5, 60, 12.0, 0.3)
    want = by_hand(5, *once, 40, 0.3)
    cell = SpikePlayback(5, *once, period=12.0)
    np.testing.assert_array_equal(played(cell, 36.0, dt=0.3), np.concatenate([want, want, want]))


def test_a_trial_begins_anew_and_a_continued_run_goes_on():
    units, times = spikes(4, 60, 40.0, 1.0)
    want = by_hand(4, units, times, 40, 1.0)
    circuit = bouton.Circuit({"input": SpikePlayback(4, units, times), "image": PoissonCell(1)})
    options = {"record": {"input.s": 1}, "progress": False}
    samples = {"image.x": (("trial", "unit"), np.zeros((3, 1)))}
    trials = bouton.simulate(circuit, trials=bouton.Trials(present=20.0), inputs=samples, **options)
    options["inputs"] = {"image.x": 0.0}
    np.testing.assert_array_equal(trials["input.s"].transpose("trial", "time", "unit"), [want[:20]] * 3)
    first = bouton.simulate(circuit, 20.0, **options)
    second = bouton.simulate(circuit, 20.0, state=first.state, **options)
    np.testing.assert_array_equal(second["input.s"], want[20:])


def test_what_a_run_has_recorded_can_be_played():
    circuit = bouton.Circuit({"noise": PoissonCell(6, target_freq=200.0)})
    run = bouton.simulate(circuit, 50.0, dt=0.5, inputs={"noise.x": 1.0}, record={"noise.s": 1}, progress=False)
    found = run.spikes("noise")
    again = played(SpikePlayback(6, found.unit.values, found.time.values - 0.5), 50.0, dt=0.5)
    np.testing.assert_array_equal(again, run["noise.s"].values)


def test_model_files_keep_the_spikes():
    circuit = bouton.Circuit({"input": SpikePlayback(4, [3, 1], [1.5, 0.25], period=4)})
    again = bouton.Circuit.from_dict(circuit.to_dict())
    assert again == circuit and jax.tree.structure(again) == jax.tree.structure(circuit)


@hypothesis.settings(max_examples=50, deadline=None)
@hypothesis.given(
    times=st.lists(st.integers(0, 3000), min_size=1, max_size=60), step=st.integers(1, 500), shift=st.integers(0, 500)
)
def test_no_step_holds_more_spikes_than_are_read_and_not_many_more_are_read(times, step, shift):
    """Times and steps in ps."""
    most = SpikePlayback(len(times), np.arange(len(times)), np.array(times) * 1e-9).timetable.most(step)
    at_once = np.bincount((np.array(times) + shift) // step).max()
    window = max(sum(t <= u < t + step for u in times) for t in times)
    assert at_once <= window <= most < 2 * window


def test_a_step_reads_only_what_it_may_play():
    """The work of a step depends on the spikes that a step can hold, not on how many there are in all."""
    sizes = []
    for count in (1000, 4000):
        cell = SpikePlayback(50, np.arange(count) % 50, np.arange(count) * 0.4)
        circuit = bouton.Circuit({"input": cell})
        state = circuit.init(key=jax.random.key(0), dt=1.0)
        step = jax.make_jaxpr(lambda c, s: c.step(s, bouton.Tick(step=0, dt=1.0))[1])(circuit, state)
        made = [v.aval.size for e in step.eqns for v in e.outvars if e.primitive.name != "convert_element_type"]
        sizes.append(max(made))
    assert sizes == [50, 50]


BAD = {
    "unit": ({"units": [0, 4], "times": [1.0, 2.0]}, r"input: units\[1\] must be an index within 0 \.\.\. 3, .*got 4"),
    "negative unit": ({"units": [-1], "times": [1.0]}, r"units\[0\] must be an index, a whole .* at least 0, got -1"),
    "no whole unit": ({"units": [0.5], "times": [1.0]}, r"units\[0\] must be an index, .*got 0\.5"),
    "no units": ({"units": ["a"], "times": [1.0]}, r"units must be a list of indices, got an array of <U1\[1\]"),
    "negative": ({"units": [0, 1], "times": [1.0, -2.0]}, r"times\[1\] must be within 0 \.\.\. 2e\+09 ms, got -2"),
    "nan": ({"units": [0], "times": [np.nan]}, r"times\[0\] must be within .*got nan"),
    "infinite": ({"units": [0], "times": [np.inf]}, r"times\[0\] must be within .*got inf"),
    "no times": ({"units": [0], "times": [[1.0]]}, r"times must be a list of times \[ms\], got .*float64\[1, 1\]"),
    "lengths": ({"units": [0, 1], "times": [1.0]}, r"units and .*times must be of one length, got 2 and 1"),
    "late": ({"units": [0], "times": [3.0], "period": 2.0}, r"input: times\[0\] must be before .* of 2 ms ends, got 3"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_spikes_are_said_when_built(arguments, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit({"input": SpikePlayback(4, **arguments)})


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (
            SpikePlayback(2, [1, 0, 1], [7.6, 7.5, 7.1]),
            r"input: unit 1 has two spikes within one step of 1 ms, at 7\.1 and 7\.6 ms: use shorter steps",
        ),
        (SpikePlayback(1, [0, 0], [2.0, 2.0]), r"unit 0 has two spikes within one step of 1 ms, at 2 and 2 ms"),
        (SpikePlayback(1, [], [], period=2.5), r"a period of 2\.5 ms is not a positive whole number of steps of 1 ms"),
        (SpikePlayback(1, [], [], period=0), r"a period of 0 ms is not a positive whole"),
        (SpikePlayback(1, [], [], period=np.nan), r"a period of nan ms is not a positive whole"),
        (SpikePlayback(1, [0], [1.9995], period=2), r"1\.9995 ms is at the end of the period of 2 ms, .*its time as 0"),
    ],
)
def test_what_does_not_go_with_the_step_is_said_before_the_run(cell, message):
    circuit = bouton.Circuit({"input": cell})
    for begin in (
        lambda: circuit.init(key=jax.random.key(0), dt=1.0),
        lambda: bouton.simulate(circuit, 10.0, dt=1.0),
    ):
        with pytest.raises(bouton.CircuitError, match=message):
            begin()


def test_close_spikes_far_from_the_start_are_not_taken_for_one_step():
    circuit = bouton.Circuit({"input": SpikePlayback(1, [0, 0], [1234567.7, 1234567.8])})
    circuit.init(key=jax.random.key(0), dt=0.1)


def test_gradients_pass_by():
    circuit = bouton.Circuit(
        {"input": SpikePlayback(2, [0, 1], [1.0, 2.0]), "image": PoissonCell(2)}, {"image.x": "input.s"}
    )

    def total(c):
        state = c.init(key=jax.random.key(0), dt=1.0)
        return bouton.scan(c, state, steps=4, dt=1.0, key=jax.random.key(0), record={"input.s": 1})[1]["input.s"].sum()

    value, slope = jax.value_and_grad(total, allow_int=True)(circuit)
    assert value == 2 and not jnp.asarray(slope.nodes["image"].target_freq).any()
