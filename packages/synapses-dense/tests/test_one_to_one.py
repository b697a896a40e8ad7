"""OneToOne against sums over its edges."""

import bouton
import jax.numpy as jnp
import numpy as np
import pytest
from bouton_synapses_dense import OneToOne
from hypothesis import given, settings
from hypothesis import strategies as st


@given(n=st.integers(1, 6), batch=st.sampled_from([(), (3,), (2, 2)]), seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_it_is_the_diagonal_of_a_matrix(n, batch, seed):
    r, topology = np.random.default_rng(seed), OneToOne(n)
    w = r.normal(size=n).astype(np.float32)
    x, y = r.normal(size=(2, *batch, n)).astype(np.float32)
    np.testing.assert_allclose(topology.apply(w, x), x @ np.diag(w), atol=1e-5)
    np.testing.assert_allclose(topology.transpose(w, y), y @ np.diag(w).T, atol=1e-5)
    want = (x * y).reshape(-1, n).sum(0)
    np.testing.assert_allclose(topology.outer(w, jnp.asarray(x), jnp.asarray(y)), want, atol=1e-5)
    np.testing.assert_allclose(topology.fan_in(w), w)
    assert topology.fan_in_count() == 1
    for side in ("pre", "post"):
        np.testing.assert_allclose(topology.largest(w, side), np.abs(w))


def test_normalising_acts_on_each_unit_alone():
    w = bouton.Normalise(2.0)(OneToOne(4), jnp.array([1.0, 2.0, -3.0, 0.0]))
    np.testing.assert_allclose(w, [2.0, 2.0, -2.0, 0.0], rtol=1e-6)


def test_weights_open_beside_what_they_lead_to():
    circuit = bouton.Circuit({"ff": bouton.Synapse(OneToOne(3), weights=[1.0, 2.0, 3.0])})
    run = bouton.simulate(circuit, 2.0, inputs={"ff.pre": 1.0}, record={"ff.w": 1, "ff.current": 1}, progress=False)
    assert run["ff.w"].dims == run["ff.current"].dims == ("time", "post")
    np.testing.assert_allclose(run["ff.current"][-1], [1, 2, 3])


def test_sizes_are_checked_when_a_circuit_is_built():
    with pytest.raises(bouton.CircuitError, match=r"ff\.topology\.n is a size: it must be at least 1, got 0"):
        bouton.Circuit({"ff": bouton.Synapse(OneToOne(0))})
