"""behind: the same values, later; so that weights which a step has read are learnt in place."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton._order import behind
from jax import lax


@pytest.mark.parametrize("first", [0.0, -1.0, np.inf, np.nan, -np.nan, 1e-40])
def test_values_are_what_they_were_whatever_comes_first(first: float) -> None:
    values = {"a": jnp.array([1.5, np.nan, -np.inf]), "n": jnp.arange(3), "flag": jnp.array([True, False])}
    after = jax.jit(behind)(values, (jnp.full(3, first), jnp.arange(2)))
    for name, value in values.items():
        np.testing.assert_array_equal(after[name], value)
        assert after[name].dtype == value.dtype
    assert behind(values, ()) is values


def test_derivatives_pass() -> None:
    assert jax.grad(lambda x: behind(x, (x**2,)) ** 3)(2.0) == 12.0


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="it is for CPUs")
def test_what_was_read_is_overwritten_in_place() -> None:
    def copies(order: Any) -> int:
        def step(w: Any, x: Any) -> Any:
            y = lax.while_loop(lambda y: y.sum() < 1e6, lambda y: y + x @ w, jnp.ones(300))
            late = order(x, (y,))
            w = lax.fori_loop(0, 3, lambda i, w: lax.dynamic_update_index_in_dim(w, w[i] + late[i], i, 0), w)
            return w, y

        w, xs = jnp.ones((500, 300)), jnp.ones((20, 500))
        program = jax.jit(lambda w: lax.scan(step, w, xs)).lower(w).compile().as_text()
        inside = [part for part in program.split("\n\n") if not part.lstrip().startswith("ENTRY")]
        return len(re.findall(r"f32\[500,300\]\S* copy\(", "\n\n".join(inside)))

    assert copies(behind) == 0 < copies(lambda values, first: values)
