"""Steps in which shared values are computed once: the same numbers, and no state is copied."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import Circuit, Component, Ports, Tick, port, spike, static
from bouton._once import once
from jax import lax
from jaxtyping import Array, Float

N = 1000


class Cell(Component):
    """Fires, is reset and then refractory: each of its results needs what each of its states was."""

    n: int = static(default=N, dim="unit")

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(default=0.3)

    class State(Ports):
        v: Float[Array, "*batch unit"] = port()
        age: Float[Array, "*batch unit"] = port()

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True)

    def advance(self, s: Any, x: Any, tick: Tick) -> Any:
        v = jnp.where(s.age > 2.0, s.v + 0.1 * (x.j - s.v), s.v)
        fired = spike(v - 0.2)
        return self.State(v=v * (1.0 - fired), age=jnp.where(fired > 0, 0.0, s.age + 1.0)), self.Out(s=fired)


CIRCUIT = Circuit({"cell": Cell()})
STATE = {
    "cell": Cell.State(v=jnp.asarray(np.random.default_rng(0).random(N), jnp.float32) / 5, age=jnp.full(N, 9.0)),
}


def body(state: Any, i: Any) -> Any:
    state, outputs = CIRCUIT.step(state, Tick(i, 0.1, None))
    return state, outputs["cell"].s.sum()


def loop(step: Any, state: Any, steps: int = 50) -> Any:
    return lax.scan(step, state, jnp.arange(steps))


def close(a: Any, b: Any) -> None:
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


def test_the_numbers_are_those_of_the_plain_step() -> None:
    close(jax.jit(lambda s: loop(once(body), s))(STATE), loop(body, STATE))


def test_gradients_lanes_and_their_combination_pass_through() -> None:
    def last(step: Any, v: Any) -> Any:
        state, _ = loop(step, {"cell": STATE["cell"].replace(v=v)}, 20)
        return (state["cell"].v ** 2).sum()

    v = STATE["cell"].v
    many = jnp.stack([v, v / 2])
    for f in (
        lambda step: jax.grad(lambda v: last(step, v))(v),
        lambda step: jax.vmap(lambda v: last(step, v))(many),
        lambda step: jax.vmap(jax.grad(lambda v: last(step, v)))(many),
        lambda step: jax.jvp(lambda v: last(step, v), (v,), (v,))[1],
    ):
        got, want = f(once(body)), f(body)
        assert np.abs(want).max() > 0
        close(got, want)


def test_values_from_outside_may_be_traced() -> None:
    def end(step_of: Any, tau: Any) -> Any:
        def step(v: Any, i: Any) -> Any:
            v = v + tau * (1.0 - v)
            return jnp.where(v > 0.5, v / 2, v), v.sum()

        return loop(step_of(step), STATE["cell"].v)[1].sum()

    for f in (jax.grad, jax.jit):
        close(f(lambda tau: end(once, tau))(0.1), f(lambda tau: end(lambda s: s, tau))(0.1))


def test_results_of_one_operation_that_have_one_shape_are_not_mixed_up() -> None:
    def step(state: Any, i: Any) -> Any:
        a, b = lax.optimization_barrier((state["a"] + 1.0, state["b"] * 2.0))
        return {"a": a + b, "b": a - b}, (a * b).sum()

    state = {"a": jnp.arange(float(N)), "b": jnp.ones(N)}
    close(jax.jit(lambda s: loop(once(step), s, 3))(state), loop(step, state, 3))


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="it does nothing there")
def test_states_are_overwritten_in_place() -> None:
    def copies(step: Any) -> int:
        program = jax.jit(lambda s: loop(step, s)).lower(STATE).compile().as_text()
        inside = [part for part in program.split("\n\n") if not part.lstrip().startswith("ENTRY")]
        return len(re.findall(rf"f32\[{N}\]\S* copy\(", "\n\n".join(inside)))

    keeps_order = tuple(map(int, jax.__version__.split(".")[:2])) >= (0, 12)  # before, XLA drops barriers too early
    assert copies(once(body)) == (0 if keeps_order else copies(body)) < copies(body) + (not keeps_order)
