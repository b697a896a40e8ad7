"""Initialisers: distributions, matrices, what they make of each other, fan-ins, keys, files, mistakes."""

from typing import Any

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import (
    Bounded,
    Circuit,
    CircuitError,
    Constant,
    Eye,
    FanInGaussian,
    FanInUniform,
    Gaussian,
    Given,
    Hollow,
    LogNormal,
    Scaled,
    Synapse,
    Thinned,
    Triangle,
    Uniform,
    as_initialiser,
)
from bouton.testing import Full, Grid, Shared
from scipy import stats

from .edges import Edges

KEY = jax.random.key(4)


# ---- distributions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "initialiser, law",
    [
        (Uniform(-2.0, 3.0), stats.uniform(-2.0, 5.0)),
        (Gaussian(1.5, 0.2), stats.norm(1.5, 0.2)),
        (LogNormal(-1.0, 0.7), stats.lognorm(0.7, scale=np.exp(-1.0))),
        (FanInUniform(3.0), stats.uniform(-3 / 5, 2 * 3 / 5)),
        (FanInGaussian(0.5), stats.norm(0.0, 0.5 / 5)),
        (Scaled(Uniform(), 4.0, -1.0), stats.uniform(-1.0, 4.0)),
        (Scaled(Gaussian(), 2.0, 1.0, "abs"), stats.halfnorm(1.0, 2.0)),
        (Scaled(Gaussian(), function="exp"), stats.lognorm(1.0)),
        (Scaled(Gaussian(), function="square"), stats.chi2(1)),
        (Scaled(Scaled(Uniform(), 2.0), 1.0, 0.5), stats.uniform(0.5, 2.0)),
        (Scaled(FanInGaussian(), 2.0), stats.norm(0.0, 2.0 / 5)),
    ],
    ids=lambda value: repr(value) if isinstance(value, bouton.Module) else "law",
)
def test_values_have_their_distribution(initialiser: Any, law: Any) -> None:
    drawn = np.asarray(Full(25, 300).draw(initialiser, KEY), float)
    assert drawn.shape == (25, 300)
    assert stats.kstest(drawn.ravel(), law.cdf).pvalue > 0.01


def test_rows_and_columns_are_independent() -> None:
    drawn = np.asarray(Gaussian()(KEY, (300, 200)))
    for a, b in ((drawn[:-1], drawn[1:]), (drawn[:, :-1], drawn[:, 1:])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4 / np.sqrt(a.size)


@pytest.mark.parametrize(
    "function, of_numpy",
    [
        ("identity", lambda a: a),
        ("abs", np.abs),
        ("ceil", np.ceil),
        ("exp", np.exp),
        ("floor", np.floor),
        ("relu", lambda a: np.maximum(a, 0)),
        ("round", np.round),
        ("sigmoid", lambda a: 1 / (1 + np.exp(-a))),
        ("square", np.square),
        ("tanh", np.tanh),
    ],
)
def test_scaled_applies_its_function_first(function: Any, of_numpy: Any) -> None:
    values = np.array([-2.3, -0.4, 0.0, 0.7, 3.1])
    drawn = Scaled(values, -2.0, 0.5, function)(KEY, (5,))
    np.testing.assert_allclose(drawn, -2.0 * of_numpy(values) + 0.5, rtol=1e-6)


def test_bounded_sets_what_is_beyond_to_the_bound() -> None:
    values = np.array([-2.0, 0.5, 7.0])
    assert Bounded(values, 0.0, 1.0)(KEY, (3,)).tolist() == [0.0, 0.5, 1.0]
    assert Bounded(values, 0.0)(KEY, (3,)).tolist() == [0.0, 0.5, 7.0]
    assert Bounded(values, high=1.0)(KEY, (3,)).tolist() == [-2.0, 0.5, 1.0]


# ---- matrices ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 2)])
def test_hollow_and_triangles(shape: tuple[int, int]) -> None:
    w = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    i, j = np.indices(shape)
    for initialiser, kept in (
        (Hollow(w), i != j),
        (Triangle(w), i >= j),
        (Triangle(w, "upper"), i <= j),
        (Triangle(w, "lower", diagonal=False), i > j),
        (Triangle(w, "upper", diagonal=False), i < j),
        (Hollow(Triangle(w)), i > j),
    ):
        np.testing.assert_array_equal(initialiser(KEY, shape), np.where(kept, w, 0.0))
    np.testing.assert_array_equal(Hollow(2.0)(KEY, shape), Eye(0.0, 2.0)(KEY, shape))


# ---- thinned -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape, density, kept",
    [((10, 10), 0.29, 29), ((7, 3), 0.5, 10), ((6,), 0.1, 0), ((2, 2, 2), 1.0, 8), ((5, 4), 0.0, 0)],
)
def test_thinned_keeps_exactly_so_many_entries(shape: tuple[int, ...], density: float, kept: int) -> None:
    draw = jax.jit(lambda key: Thinned(Uniform(1.0, 2.0), density)(key, shape))
    for i in range(5):
        w = np.asarray(draw(jax.random.key(i)))
        assert (w != 0).sum() == kept and w.shape == shape and (w[w != 0] >= 1).all()


def test_thinned_takes_each_entry_as_often_as_any_other() -> None:
    draw = jax.vmap(lambda key: Thinned(1.0, 0.3)(key, (4, 5)))
    counts = np.asarray(draw(jax.random.split(KEY, 3000))).sum(0)
    assert counts.sum() == 3000 * 6
    # without replacement, chi2 / (1 - 1/20) shrinks by the factor 1 - 0.3: a chi-square test is conservative
    assert stats.chisquare(counts.ravel()).pvalue > 0.01


def test_thinned_by_a_probability() -> None:
    kept = np.array([(Thinned(1.0, 0.2, exact=False)(jax.random.key(i), (10, 10)) != 0).sum() for i in range(200)])
    law = stats.binom(100, 0.2)
    assert abs(kept.mean() - law.mean()) < 4 * law.std() / np.sqrt(len(kept))
    assert 0.8 < kept.var(ddof=1) / law.var() < 1.25


def test_an_offset_shifts_only_what_is_kept() -> None:
    w = np.asarray(Thinned(Scaled(Uniform(), 2.0, 5.0), 0.25)(KEY, (8, 8)))
    assert (w != 0).sum() == 16 and (w[w != 0] >= 5).all()
    shifted = np.asarray(Scaled(Thinned(Uniform(), 0.25), 2.0, 5.0)(KEY, (8, 8)))
    assert (shifted == 5).sum() == 48


def test_the_places_do_not_depend_on_the_values() -> None:
    one, other = (np.asarray(Thinned(inner, 0.5)(KEY, (9, 9))) for inner in (1.0, Uniform(1.0, 2.0)))
    np.testing.assert_array_equal(one != 0, other != 0)


# ---- fan-in --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inhibitory", [(), (0,), (0, 1, 2, 3)])
def test_the_fan_in_is_that_of_the_very_unit(inhibitory: tuple[int, ...]) -> None:
    post = (0,) * 16 + (1,) * 4 + (2,)
    topology = Edges(tuple(i % 4 for i in range(21)), post, 4, 5, inhibitory)
    assert topology.fan_in_of_weights().tolist() == [16] * 16 + [4] * 4 + [1]
    assert topology.fan_in_count() == 16
    scaled, unscaled = (topology.draw(i, KEY) for i in (FanInUniform(2.0), Scaled(Uniform(-1.0, 1.0), 2.0)))
    np.testing.assert_allclose(scaled, unscaled / np.sqrt([16] * 16 + [4] * 4 + [1]), rtol=1e-5)


def test_a_shared_weight_takes_the_largest_fan_in() -> None:
    assert (np.asarray(Shared(8, 3).fan_in_of_weights()) == 3).all()
    assert (np.asarray(Grid(4, 2).fan_in_of_weights()) == 2).all()
    assert (np.asarray(Full(6, 2).fan_in_of_weights()) == 6).all()


def test_the_fan_in_passes_through_what_is_around() -> None:
    full = Full(16, 50)
    for around in (Hollow, Triangle, Scaled, Bounded):
        w = np.asarray(full.draw(around(FanInGaussian()), KEY))
        inner = np.asarray(full.draw(FanInGaussian(), KEY))
        np.testing.assert_array_equal(w[w != 0], inner[w != 0])
    thin = np.asarray(full.draw(Thinned(FanInUniform(), 0.25), KEY))
    assert 0.45 < np.abs(thin).max() <= 1 / np.sqrt(4)  # four of sixteen synapses are left


# ---- keys and files ------------------------------------------------------------------------------------------------

ALL = [
    Constant(2.0),
    Given(np.arange(12.0).reshape(4, 3)),
    Uniform(),
    Gaussian(),
    LogNormal(),
    FanInUniform(),
    FanInGaussian(),
    Eye(),
    Hollow(Uniform()),
    Triangle(Gaussian(), "upper", diagonal=False),
    Scaled(Uniform(), 2.0, 1.0, "tanh"),
    Bounded(Gaussian(), -0.5, None),
    Thinned(Uniform(), 0.5),
    Thinned(Hollow(Scaled(LogNormal(), offset=1.0)), 0.25, exact=False),
]


@pytest.mark.parametrize("initialiser", ALL, ids=repr)
def test_the_key_alone_decides(initialiser: Any) -> None:
    circuit = Circuit({"s": Synapse(Full(4, 3), weights=initialiser)})

    def weights(seed: int, **how: Any) -> np.ndarray:
        return np.asarray(circuit.init(key=jax.random.key(seed), dt=1.0, **how)["s"].w)

    np.testing.assert_array_equal(weights(0), weights(0, batch=5))
    np.testing.assert_array_equal(weights(0), jax.jit(lambda: circuit.init(key=jax.random.key(0), dt=1.0)["s"].w)())
    wants_key = initialiser not in ALL[:2] and not isinstance(initialiser, Eye)
    assert wants_key == (weights(0) != weights(1)).any()


@pytest.mark.parametrize("initialiser", ALL, ids=repr)
def test_a_model_file_keeps_it(initialiser: Any) -> None:
    plugins = bouton.PluginSet.discover() | bouton.PluginSet.of({"topology": {"Full": Full}})
    circuit = Circuit({"s": Synapse(Full(4, 3), weights=initialiser)})
    with plugins.use():
        assert Circuit.from_dict(circuit.to_dict()) == circuit


@pytest.mark.parametrize("initialiser", ALL, ids=repr)
def test_in_double_precision(initialiser: Any) -> None:
    single = np.asarray(Full(4, 3).draw(initialiser, KEY))
    with jax.enable_x64(True):
        double = np.asarray(Full(4, 3).draw(initialiser, KEY))
    assert single.dtype == np.float32 and double.dtype == np.float64


# ---- mistakes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Uniform(2.0, 1.0), r"^Uniform\.low must not be above Uniform\.high, got 2 and 1\.$"),
        (
            lambda: Uniform(np.array([0.0, 3.0, 1.0]), np.array([1.0, 2.0, 0.0])),
            r"^Uniform\.low must not be above Uniform\.high, got 3 and 2\.$",
        ),
        (lambda: Uniform(jnp.float32(2.0), 1.0), r"^Uniform\.low must not be above Uniform\.high, got 2 and 1\.$"),
        (lambda: Bounded(1.0, 3, 2), r"^Bounded\.low must not be above Bounded\.high, got 3 and 2\.$"),
        (lambda: Uniform(0.0, Gaussian()), r"^Uniform\.high must be a number, got Gaussian\(\)\.$"),
        (lambda: Scaled("uniform"), r"^Scaled\.inner must be a number, an array or an initialiser, got 'uniform'\.$"),
        (lambda: Hollow(None), r"^Hollow\.inner must be a number, an array or an initialiser, got None\.$"),
        (lambda: Thinned(1.0, 1.5), r"^Thinned\.density must be a number from 0 to 1, got 1\.5\.$"),
        (lambda: Thinned(1.0, -1), r"^Thinned\.density must be a number from 0 to 1, got -1\.$"),
        (lambda: Thinned(1.0, float("nan")), r"^Thinned\.density must be a number from 0 to 1, got nan\.$"),
        (lambda: Scaled(), r"^Scaled needs 'inner' as well\.$"),
    ],
)
def test_mistakes_are_found_at_once(make: Any, message: str) -> None:
    with pytest.raises(CircuitError, match=message):
        make()


@pytest.mark.parametrize(
    "weights, message",
    [
        (Gaussian(0.0, -1.0), r"^s\.weights\.std must be >= 0, got -1\.$"),
        (LogNormal(0.0, -1.0), r"^s\.weights\.std must be >= 0, got -1\.$"),
        (FanInUniform(0.0), r"^s\.weights\.scale must be > 0, got 0\.$"),
        (Uniform(0.0, np.inf), r"^s\.weights\.high must be finite, got inf\.$"),
        (Uniform(np.zeros(3)), r"^s\.weights\.low must be a single number, got an array of shape \(3,\)\.$"),
        (Hollow(Gaussian(np.nan)), r"^s\.weights\.inner\.mean must be a number, got nan\.$"),
        (Hollow([[np.nan]]), r"^s\.weights\.inner\[0, 0\] must be a number, got nan\.$"),
        (
            Scaled(1.0, function="exq"),
            r"^s\.weights\.function must be one of 'identity', .* got 'exq'\. Did you mean 'e",
        ),
        (Scaled(1.0, function=np.exp), r"^s\.weights\.function must be one of 'identity', 'abs', .* got <ufunc 'exp'>"),
        (
            Triangle(1.0, "uper"),
            r"^s\.weights\.side must be one of 'lower', 'upper', got 'uper'\. Did you mean 'upper'",
        ),
        (Thinned(1.0, "half"), r"^s\.weights\.density must be float, got 'half'\.$"),
        (Thinned(1.0, jnp.ones(3)), r"^s\.weights\.density must be float, got Array"),
    ],
)
def test_mistakes_are_found_when_the_circuit_is_built(weights: Any, message: str) -> None:
    with pytest.raises(CircuitError, match=message):
        Circuit({"s": Synapse(Full(4, 3), weights=weights)})


@pytest.mark.parametrize("around", [Hollow(1.0), Triangle(1.0), Eye()], ids=lambda a: type(a).__name__)
def test_matrices_only(around: Any) -> None:
    name = type(around).__name__
    message = rf"^s: {name} makes a matrix \(pre, post\), but the weights have the shape \(3,\)\.$"
    with pytest.raises(CircuitError, match=message):
        Circuit({"s": Synapse(Shared(8, 3), weights=around)}).init(key=KEY, dt=1.0)


def test_no_fan_in_for_what_is_no_weight() -> None:
    circuit = Circuit({"s": Synapse(Full(2, 2), bias=Scaled(FanInGaussian()))})
    with pytest.raises(CircuitError, match="FanInGaussian draws weights: no fan-in is known here"):
        circuit.realise(KEY)


def test_an_array_without_axes_is_a_number() -> None:
    assert as_initialiser(np.asarray(0.5), "w") == Constant(0.5) == as_initialiser(0.5, "w")
