"""Figures of runs: what is drawn is what was recorded, axes carry its names and units, and what is refused says why."""

import subprocess
import sys

import bouton
import jax.numpy as jnp
import matplotlib
import numpy as np
import pytest
import xarray as xr
from bouton import Circuit, Ports, Record, Synapse, Trials, _selection, plot, port, static
from bouton.testing import Full
from jaxtyping import Array, Float

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

WEIGHTS = np.arange(12.0).reshape(3, 4)


class Metronome(bouton.Component):
    """Unit i ticks every i + 2 steps."""

    n_units: int = static(dim="unit", doc="population size")

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(default=0.0, reduce="sum", doc="ignored")

    class State(Ports):
        age: Float[Array, "*batch unit"] = port("ms", doc="time since the last tick")

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True, doc="ticks")

    def advance(self, s, x, tick):
        age = s.age + tick.dt
        ticks = age >= jnp.arange(2.0, self.n_units + 2) * tick.dt
        return self.State(age=jnp.where(ticks, 0.0, age)), self.Out(s=ticks.astype(age.dtype))


PLUGINS = bouton.PluginSet.of(
    {
        "component": {"Metronome": Metronome, "Synapse": Synapse},
        "topology": {"Full": Full},
        "transmission": {"Instant": bouton.Instant},
        "initialiser": {"Given": bouton.Given},
    }
)


@pytest.fixture(scope="module")
def run():
    circuit = Circuit({"beat": Metronome(3), "ff": Synapse(Full(3, 4), weights=WEIGHTS)}, {"ff.pre": "beat.s"})
    record = {"beat.s": [1, Record("sum", every=10)], "beat.age": 1, "ff.w": 20}
    with PLUGINS.use():
        return bouton.simulate(circuit, 40.0, record=record)


@pytest.fixture(scope="module")
def trials():
    digits = Trials(present=10.0, coords={"digit": np.array([7, 8])})
    with PLUGINS.use():
        circuit = Circuit({"beat": Metronome(3)})
        return bouton.simulate(circuit, trials=digits, record={"beat.s": [1, Record("sum", per="trial")]})


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def ticks(*, start=0, stop=40, units=(0, 1, 2)):
    """Time and unit of every tick after `start` and until `stop`."""
    return {(t, u) for u in units for t in range(u + 2, stop + 1, u + 2) if t > start}


def points(ax):
    (marks,) = ax.lines
    return set(zip(marks.get_xdata(), marks.get_ydata(), strict=True))


def spikes(values, step=1.0, **coords):
    """Spikes (time, unit) as they would be recorded."""
    time = ("time", (np.arange(len(values)) + 1) * step, {"units": "ms"})
    return xr.DataArray(values, dims=("time", "unit"), coords={"time": time, **coords}, name="s")


# ---- raster ----------------------------------------------------------------------------------------------------------


def test_raster(run):
    ax = plot.raster(run, "beat")
    assert points(ax) == ticks()
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("time [ms]", "unit", "beat.s")
    assert ax.get_xlim() == (0, 40) and ax.get_ylim() == (-0.5, 2.5)


def test_raster_of_a_part(run):
    ax = plot.raster(run, "beat", start=10.0, stop=20.0, units=slice(1, 3))
    assert points(ax) == ticks(start=10, stop=20, units=(1, 2))
    assert ax.get_xlim() == (10, 20) and ax.get_ylim() == (0.5, 2.5)


def test_raster_of_one_step(run):
    ax = plot.raster(run, "beat", start=5.0, stop=6.0)
    assert points(ax) == {(6, 0), (6, 1)} and ax.get_xlim() == (5, 6)


def test_raster_of_picked_units_puts_each_beside_its_number(run):
    ax = plot.raster(run, "beat", units=[2, 0])
    assert points(ax) == {(t, {2: 0, 0: 1}[u]) for t, u in ticks(units=(0, 2))}
    assert [t.get_text() for t in ax.get_yticklabels()] == ["2", "0"]


def test_raster_is_read_in_blocks(run, monkeypatch):
    monkeypatch.setattr(_selection, "BLOCK_BYTES", 21)  # 7 steps of 3 units
    assert points(plot.raster(run, "beat")) == ticks()


def test_raster_of_too_many_spikes_leaves_out_units_and_says_so(run, monkeypatch):
    monkeypatch.setattr(plot, "MARKS", len(ticks()) - 1)
    ax = plot.raster(run, "beat")
    assert points(ax) == ticks(units=(0, 2))
    assert ax.get_title() == "beat.s, only every 2nd of 3 units"


def test_raster_without_spikes_says_so():
    ax = plot.raster(spikes(np.zeros((5, 2), bool)))
    assert points(ax) == set() and ax.get_title() == "s, no spikes"


def test_long_runs_are_in_seconds():
    fired = np.zeros((25, 2), bool)
    fired[19, 1] = True
    ax = plot.raster(spikes(fired, step=500.0), start=2000.0)
    assert points(ax) == {(10.0, 1)} and ax.get_xlabel() == "time [s]" and ax.get_xlim() == (2.0, 12.5)


def test_raster_needs_the_spikes_of_every_step(run):
    with pytest.raises(bouton.RunError, match=r"beat.age holds float.., not spikes."):
        plot.raster(run, "beat", compartment="age")
    every_tenth = spikes(np.ones((4, 2), bool), step=10.0).rename(time="time_10")
    with pytest.raises(
        bouton.RunError,
        match=r"s was kept along 'time_10' only: for every spike simulate with record=\{'s': 1\}.",
    ):
        plot.raster(every_tenth)


# ---- what is chosen of a run -----------------------------------------------------------------------------------------


def test_a_trial_is_chosen_by_its_index(trials):
    ax = plot.raster(trials, "beat", trial=1)
    assert points(ax) == ticks(stop=10) and ax.get_title() == "beat.s, trial 1"
    with pytest.raises(bouton.RunError, match=r"beat.s has 2 elements along 'trial': choose one .* e.g. trial=0."):
        plot.raster(trials, "beat")
    with pytest.raises(bouton.RunError, match=r"trial=2: beat.s has 2 elements along 'trial'."):
        plot.raster(trials, "beat", trial=2)
    with pytest.raises(bouton.RunError, match=r"trial=0.5: choose one by its index, a whole number."):
        plot.raster(trials, "beat", trial=0.5)  # type: ignore[arg-type]
    with pytest.raises(bouton.RunError, match=r"beat.s has no dim 'trail' to choose from. Did you mean 'trial'\?"):
        plot.raster(trials, "beat", trail=0)


def test_a_sweep_is_chosen_by_its_index():
    data = xr.DataArray(
        [[[1.0], [2.0]], [[3.0], [4.0]]], dims=("exc.tau_m", "time", "unit"), coords={"exc.tau_m": [10.0, 20.0]}
    )
    ax = plot.trace(data, "exc.v", **{"exc.tau_m": 1})
    assert ax.lines[0].get_ydata().tolist() == [3, 4] and ax.get_title() == "exc.v, exc.tau_m 20, unit 0"
    with pytest.raises(bouton.RunError, match=r"choose one by its index, e.g. \*\*\{'exc.tau_m': 0\}."):
        plot.trace(data, "exc.v")


def test_what_was_not_recorded(run):
    with pytest.raises(
        bouton.RunError,
        match=r"'beat.j' was not recorded: simulate with record=\{'beat.j': 1\}. Did you mean 'beat.s'\?",
    ):
        plot.trace(run, "beat.j")
    with pytest.raises(bouton.RunError, match=r"'beat2.s' was not recorded"):
        plot.raster(run, "beat2")
    with pytest.raises(bouton.RunError, match=r"say what to draw of the run. Available: .*beat.s"):
        plot.trace(run)
    with pytest.raises(bouton.RunError, match=r"a figure needs a bouton.Run or an xarray.DataArray, got 'run.zarr'"):
        plot.trace("run.zarr", "beat.s")  # type: ignore[arg-type]


def test_units_that_are_not_there(run):
    with pytest.raises(bouton.RunError, match=r"units: there is no 3, beat.age has 3 \(0 to 2\)."):
        plot.trace(run, "beat.age", units=[0, 3])
    with pytest.raises(
        bouton.RunError, match=r"units must be a list of whole numbers or a slice of the 3 .*, got \[\]"
    ):
        plot.raster(run, "beat", units=[])
    with pytest.raises(bouton.RunError, match=r"ff.w has the dims pre, post: choose units=\[\(0, 0\)\]"):
        plot.trace(run, "ff.w", units=[1, 2])
    with pytest.raises(bouton.RunError, match=r"units: \(3, 0\) is not within the shape \(3, 4\) of ff.w."):
        plot.trace(run, "ff.w", units=[(0, 0), (3, 0)])


def test_times_that_are_not_there(run):
    with pytest.raises(
        bouton.RunError, match=r"start=50.0, stop=None: beat.s has no value there; .* it holds 1 to 40."
    ):
        plot.raster(run, "beat", start=50.0)


# ---- trace -----------------------------------------------------------------------------------------------------------


def test_trace(run):
    ax = plot.trace(run, "beat.age", units=[0, 2], stop=20.0)
    shown = run["beat.age"][:20]
    for line, unit in zip(ax.lines, (0, 2), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), shown["time"])
        np.testing.assert_array_equal(line.get_ydata(), shown[:, unit])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time [ms]", "time since the last tick [ms]")
    assert ax.get_title() == "beat.age"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["unit 0", "unit 2"]


def test_trace_of_one_unit_has_its_name_in_the_title(run):
    ax = plot.trace(run["beat.age"][:, :1])
    assert ax.get_legend() is None and ax.get_title() == "age, unit 0"


def test_trace_shows_the_first_units_and_says_so():
    data = spikes(np.arange(70.0).reshape(10, 7))
    ax = plot.trace(data)
    assert len(ax.lines) == 5 and ax.get_title() == "s, the first 5 of 7"


def test_trace_of_weights(run):
    ax = plot.trace(run, "ff.w", units=[(2, 3), (0, 1)])
    assert [line.get_ydata().tolist() for line in ax.lines] == [[11, 11], [1, 1]]
    assert [line.get_xdata().tolist() for line in ax.lines] == [[20, 40]] * 2
    assert [line.get_label() for line in ax.lines] == ["pre 2, post 3", "pre 0, post 1"]


def test_trace_over_trials(trials):
    ax = plot.trace(trials, "beat.s_sum", units=[1])
    assert ax.lines[0].get_xdata().tolist() == [0, 1] and ax.lines[0].get_ydata().tolist() == [3, 3]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("trial", "sum of ticks [count]")
    assert plot.trace(trials, "beat.s_sum", start=1).lines[0].get_xdata().tolist() == [1]


def test_trace_needs_a_time():
    with pytest.raises(bouton.RunError, match=r"w has neither a dim 'time' nor 'trial', but pre, post."):
        plot.trace(xr.DataArray(WEIGHTS, dims=("pre", "post"), name="w"))


# ---- rate ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [_selection.BLOCK_BYTES, 1])
def test_rate_of_a_population(run, monkeypatch, block):
    monkeypatch.setattr(_selection, "BLOCK_BYTES", block)
    ax = plot.rate(run, "beat", window=12.0)
    (stairs,) = ax.patches
    values, edges, _ = stairs.get_data()
    # in 12 ms the units tick 6, 4 and 3 times; the last 4 of the 40 ms are no window
    np.testing.assert_allclose(values, [(6 + 4 + 3) / 3 / 0.012] * 3)
    np.testing.assert_allclose(edges, [0, 12, 24, 36])
    assert (ax.get_ylabel(), ax.get_title()) == ("mean rate [Hz]", "beat.s, windows of 12 ms")


def test_rate_of_units(run):
    ax = plot.rate(run, "beat", window=12.0, per_unit=True, units=[0, 2], start=4.0, stop=28.0)
    assert [patch.get_label() for patch in ax.patches] == ["unit 0", "unit 2"]
    for patch, count in zip(ax.patches, (6, 3), strict=True):
        np.testing.assert_allclose(patch.get_data().values, [count / 0.012] * 2)
        np.testing.assert_allclose(patch.get_data().edges, [4, 16, 28])
    assert ax.get_ylabel() == "rate [Hz]"


def test_rate_windows_that_do_not_fit(run):
    with pytest.raises(bouton.RunError, match=r"window=2.5 ms is not a whole number of steps of 1 ms."):
        plot.rate(run, "beat", window=2.5)
    with pytest.raises(bouton.RunError, match=r"window=50 ms is longer than what is shown, 40 ms."):
        plot.rate(run, "beat", window=50.0)


# ---- weights ---------------------------------------------------------------------------------------------------------


def test_weights(run):
    ax = plot.weights(run, "ff.w")
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), WEIGHTS)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("post", "pre", "ff.w, at 40 ms")
    assert image.get_clim() == (0, 11) and image.colorbar.ax.get_ylabel() == "weights"
    assert plot.weights(run, "ff.w", at=0).get_title() == "ff.w, at 20 ms"
    with pytest.raises(bouton.RunError, match=r"at=2: ff.w has 2 samples along 'time_20'."):
        plot.weights(run, "ff.w", at=2)


def test_weights_after_a_trial():
    data = xr.DataArray(
        np.stack([WEIGHTS, -WEIGHTS]), dims=("trial_5", "pre", "post"), coords={"trial_5": [4, 9]}, name="w"
    )
    ax = plot.weights(data, at=1)
    np.testing.assert_array_equal(ax.images[0].get_array(), -WEIGHTS)
    assert ax.get_title() == "w, after trial 9"
    assert ax.images[0].get_clim() == (-11, 11)  # two signs: white is 0


def test_weights_of_a_list_of_edges():
    """In their places; parallel edges add up."""
    edges = {"pre_index": ("edge", [0, 2, 2, 1]), "post_index": ("edge", [3, 0, 0, 1])}
    data = xr.DataArray([[1.0, 2.0, 3.0, -4.0]], dims=("time", "edge"), coords={"time": [1.0], **edges}, name="w")
    ax = plot.weights(data)
    expected = [[0, 0, 0, 1], [0, -4, 0, 0], [5, 0, 0, 0]]
    np.testing.assert_array_equal(ax.images[0].get_array(), expected)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("post", "pre", "w, at 1 ms")
    far = data.assign_coords(pre_index=("edge", [0, 2, 2, 9_999]), post_index=("edge", [3, 0, 0, 9_999]))
    with pytest.raises(bouton.RunError, match=r"w joins 10,000 to 10,000 units: too many for a matrix."):
        plot.weights(far)


def test_weights_are_a_matrix(run):
    with pytest.raises(bouton.RunError, match=r"beat.age is no matrix \(pre, post\): it has the dims unit."):
        plot.weights(run, "beat.age")


def test_receptive_fields():
    w = xr.DataArray(np.arange(24.0).reshape(6, 4), dims=("pre", "post"), name="w")
    ax = plot.receptive_fields(w, shape=(2, 3), units=[3, 0, 1], columns=2)
    page = ax.images[0].get_array().filled(np.nan)
    assert page.shape == (5, 7)
    np.testing.assert_array_equal(page[:2, :3], w[:, 3].values.reshape(2, 3))
    np.testing.assert_array_equal(page[:2, 4:], w[:, 0].values.reshape(2, 3))
    np.testing.assert_array_equal(page[3:, :3], w[:, 1].values.reshape(2, 3))
    assert np.isnan(page[2]).all() and np.isnan(page[:, 3]).all() and np.isnan(page[3:, 4:]).all()
    assert ax.images[0].get_clim() == (0, 23)
    assert ax.get_title() == "w, 3 of 4 post units on one scale"


def test_receptive_fields_are_square_unless_said(run):
    square = xr.DataArray(np.arange(8.0).reshape(4, 2), dims=("pre", "post"), name="w")
    ax = plot.receptive_fields(square)
    np.testing.assert_array_equal(ax.images[0].get_array().filled(np.nan)[:2, :2], [[0, 2], [4, 6]])
    assert ax.get_title() == "w, 2 post units on one scale"
    with pytest.raises(bouton.RunError, match=r"shape= is left out, and there are 3 weights \(pre\) .*: no square."):
        plot.receptive_fields(run, "ff.w")
    with pytest.raises(
        bouton.RunError, match=r"shape=\(2, 2\) does not fit the 3 weights \(pre\) onto each post unit."
    ):
        plot.receptive_fields(run, "ff.w", shape=(2, 2))


# ---- confusion -------------------------------------------------------------------------------------------------------


def test_confusion():
    ax = plot.confusion([0, 0, 0, 1, 2], [0, 0, 1, 1, 0], labels=[0, 1, 2])
    np.testing.assert_allclose(ax.images[0].get_array(), [[2 / 3, 1 / 3, 0], [0, 1, 0], [1, 0, 0]])
    assert {(*t.get_position(), t.get_text()) for t in ax.texts} == {(0, 0, "2"), (1, 0, "1"), (1, 1, "1"), (0, 2, "1")}
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("predicted", "true", "3 of 5 correct, 60.0 %")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0", "1", "2"]


def test_confusion_finds_its_labels():
    ax = plot.confusion(["b", "a"], ["b", "c"], title="votes")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b", "c"] and ax.get_title() == "votes"


def test_confusion_of_what_does_not_belong_together():
    with pytest.raises(bouton.RunError, match=r"as many predicted as true classes, got 1 for 2."):
        plot.confusion([0, 1], [0])
    with pytest.raises(bouton.RunError, match=r"got 0 for 0."):
        plot.confusion([], [])
    with pytest.raises(bouton.RunError, match=r"predicted holds -1, which is none of labels=\[0, 1\]."):
        plot.confusion([0, 1], [0, -1], labels=[0, 1])


# ---- where it is drawn -----------------------------------------------------------------------------------------------


def test_given_axes_and_figures_leave_pyplot_alone(run, tmp_path):
    figure = Figure()
    upper, lower = figure.subplots(2)
    assert plot.raster(run, "beat", ax=upper) is upper
    assert plot.receptive_fields(run, "ff.w", shape=(3, 1), ax=lower) is lower
    other = Figure()
    assert plot.trace(run, "beat.age", ax=other).figure is other
    assert plt.get_fignums() == []
    figure.savefig(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 0


def test_without_matplotlib(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(bouton.BoutonError, match=r'figures need matplotlib: pip install "bouton\[plot\]".'):
        plot.raster(run, "beat")


def test_importing_it_does_not_import_matplotlib():
    code = "import sys, bouton.plot; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
