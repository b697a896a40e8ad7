"""Spikes that can be differentiated."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import Arctan, FastSigmoid, SecantLIF, StraightThrough, Surrogate, Triangular, spike

U = jnp.array([-2.0, -0.3, -1e-6, 0.0, 1e-6, 0.4, 3.0])
FORMULAS = {
    Arctan(1.5): lambda u: 1 / np.pi / (1 + (np.pi * 1.5 * u / 2) ** 2),
    FastSigmoid(4.0): lambda u: 1 / (1 + 4 * np.abs(u)) ** 2,
    Triangular(0.5): lambda u: np.maximum(0, 1 - 0.5 * np.abs(u)),
    SecantLIF(0.7, 0.3): lambda u: np.where(u > 0, 0.7 * 0.3 / np.cosh(0.3 * u) ** 2, 0),
    StraightThrough(): np.ones_like,
}


@pytest.mark.parametrize("surrogate", FORMULAS, ids=lambda s: type(s).__name__)
def test_a_step_forward_and_the_surrogate_backward(surrogate: Surrogate) -> None:
    assert np.array_equal(spike(U, surrogate), [0, 0, 0, 0, 1, 1, 1])
    slope = jax.grad(lambda u: spike(u, surrogate).sum())(U)
    assert np.allclose(slope, FORMULAS[surrogate](np.asarray(U, float)), rtol=1e-5)
    forward = jax.jvp(lambda u: spike(u, surrogate), (U,), (2 * jnp.ones_like(U),))[1]
    assert np.allclose(forward, 2 * slope)


def test_the_default_is_arctan_and_second_derivatives_are_those_of_the_surrogate() -> None:
    second = jax.vmap(jax.grad(jax.grad(spike)))(U)
    slope = jax.vmap(jax.grad(Arctan()))(U)
    assert np.allclose(second, slope)
    assert np.allclose(jax.vmap(jax.vmap(spike))(U[None]), spike(U)[None])


def test_the_steepness_takes_part_in_vmap_without_compiling_again() -> None:
    grads = jax.vmap(lambda a: jax.grad(lambda u: spike(u, Arctan(a)))(0.5))(jnp.array([1.0, 2.0]))
    assert np.allclose(grads, [1 / np.pi / (1 + (np.pi * a * 0.5 / 2) ** 2) for a in (1.0, 2.0)])
