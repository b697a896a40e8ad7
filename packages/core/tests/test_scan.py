"""scan and Record: equal to a Python loop; windows and reductions equal NumPy on what every step gave."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import Circuit, Record, RunError, scan

from .tiny import KEY, N_IN, RATES, Leaky, assert_same, loop, network, node_key

CIRCUIT = network()
START = CIRCUIT.init(key=node_key(KEY, "init"), dt=1.0)
STEPS = 23
EVERY = {"cell.v": 1, "cell.s": 1, "src.s": 1, "ff.w": 1, "cell.count": 1}


def test_equals_a_python_loop() -> None:
    state, rows = scan(CIRCUIT, START, steps=STEPS, dt=1.0, key=KEY, inputs=RATES, record=EVERY)
    want_state, want = loop(CIRCUIT, STEPS, RATES)
    assert want["cell.s"].sum() > 5
    for name in EVERY:
        np.testing.assert_allclose(rows[name], want[name], rtol=1e-5, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), state, want_state)


REDUCE = {"mean": np.mean, "sum": np.sum, "max": np.max, "min": np.min}


@pytest.mark.parametrize("k", [1, 4, 23, 30])
def test_windows_equal_numpy_on_every_step(k: int) -> None:
    record = {ref: [Record(r, every=k) for r in ("last", *REDUCE)] for ref in ("cell.v", "cell.s", "cell.count")}
    _, rows = scan(CIRCUIT, START, steps=STEPS, dt=1.0, key=KEY, inputs=RATES, record=record)
    _, plain = scan(CIRCUIT, START, steps=STEPS, dt=1.0, key=KEY, inputs=RATES, record={ref: 1 for ref in record})
    for ref in record:
        whole = plain[ref][: STEPS // k * k].reshape(STEPS // k, k, 3)  # what is not complete is left out
        np.testing.assert_array_equal(rows[ref], whole[:, -1])
        for name, reduce in REDUCE.items():
            got = rows[f"{ref}_{name}"]
            assert got.shape == (STEPS // k, 3)
            np.testing.assert_allclose(got, reduce(whole, axis=1), rtol=1e-5)


def test_dtypes_of_reductions() -> None:
    record = {"cell.count": [Record(r, every=4) for r in ("last", *REDUCE)], "cell.s": [Record("mean", every=4)]}
    _, rows = scan(CIRCUIT, START, steps=8, dt=1.0, key=KEY, inputs=RATES, record=record)
    assert {n: str(a.dtype) for n, a in rows.items()} == {
        "cell.count": "int32",
        "cell.count_mean": "float32",
        "cell.count_sum": "int32",
        "cell.count_max": "int32",
        "cell.count_min": "int32",
        "cell.s_mean": "float32",
    }


def test_two_halves_equal_the_whole() -> None:
    middle, first = scan(CIRCUIT, START, steps=10, dt=1.0, key=KEY, inputs=RATES, record={"cell.v": 1})
    end, second = scan(CIRCUIT, middle, steps=13, dt=1.0, key=KEY, start=10, inputs=RATES, record={"cell.v": 1})
    want, rows = scan(CIRCUIT, START, steps=23, dt=1.0, key=KEY, inputs=RATES, record={"cell.v": 1})
    assert_same(end, want)
    assert_same(jnp.concatenate([first["cell.v"], second["cell.v"]]), rows["cell.v"])


def test_under_jit_vmap_and_grad() -> None:
    def spikes(rate: jax.Array) -> jax.Array:
        return scan(CIRCUIT, START, steps=9, dt=1.0, key=KEY, inputs={"src.x": rate}, record={"src.s": 1})[1]["src.s"]

    rates = jnp.linspace(0.1, 0.9, 2 * N_IN).reshape(2, N_IN)
    assert_same(jax.jit(jax.vmap(spikes))(rates), jnp.stack([spikes(r) for r in rates]))

    def potential(tau: jax.Array) -> jax.Array:
        c = CIRCUIT.with_parameters({"cell.tau": tau, "ff.plasticity.rate": 0.0, "cell.growth": 0.0})
        rows = scan(c, START, steps=1, dt=1.0, key=KEY, inputs={"src.x": 0.0}, record={"cell.v": 1})[1]
        return rows["cell.v"].sum()

    tau, v = 10.0, START["cell"].v
    by_hand = float((v * np.exp(-1 / tau) / tau**2).sum())  # d/dtau of v exp(-dt / tau)
    assert jax.grad(potential)(tau) == pytest.approx(by_hand, rel=1e-4)


def test_refuses_what_only_trials_have() -> None:
    with pytest.raises(RunError, match=r"Record\(per='trial'\) is for simulate\(trials=...\); a scan has no trials"):
        scan(CIRCUIT, START, steps=3, dt=1.0, key=KEY, inputs=RATES, record={"cell.v": Record(per="trial")})
    with pytest.raises(RunError, match=r"steps must be a whole number of at least 1, got 0\."):
        scan(CIRCUIT, START, steps=0, dt=1.0, key=KEY, inputs=RATES)


def test_what_draws_random_numbers_needs_a_key() -> None:
    message = r"a component or an input draws random numbers: give key=, e\.g\. jax\.random\.key\(0\)\."
    with pytest.raises(RunError, match=message):
        scan(CIRCUIT, START, steps=3, dt=1.0, inputs=RATES)
    still = Circuit(nodes={"cell": Leaky(2)})
    state = still.init(key=KEY, dt=1.0)
    scan(still, state, steps=3, dt=1.0)
    with pytest.raises(RunError, match=message):
        scan(still, state, steps=3, dt=1.0, inputs={"cell.j": lambda tick: jax.random.uniform(tick.key)})
    with pytest.raises(TypeError, match="not of ours"):

        def fails(tick: Any) -> Any:
            raise TypeError("not of ours")

        scan(still, state, steps=3, dt=1.0, inputs={"cell.j": fails})


def test_names_are_text() -> None:
    with pytest.raises(RunError, match=r"record: a name such as 'exc\.v' was expected, got 3\."):
        scan(CIRCUIT, START, steps=3, dt=1.0, key=KEY, inputs=RATES, record={3: 1})  # type: ignore[dict-item]


def test_inside_jit_arrays_from_outside_are_checked_too() -> None:
    rates, wrong = jnp.ones(N_IN), jnp.ones(N_IN).at[1].set(jnp.nan)

    def run(state: Any, rates: Any) -> Any:
        return scan(CIRCUIT, state, steps=2, dt=1.0, key=KEY, inputs={"src.x": rates})[0]

    jax.jit(lambda state: run(state, rates))(START)
    jax.jit(run)(START, rates)
    with pytest.raises(RunError, match="src.x"):
        jax.jit(lambda state: run(state, wrong))(START)
