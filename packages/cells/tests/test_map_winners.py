"""MapWinners against the competition of Kheradpisheh et al. (2018), one spike after the other."""

import re

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import MapWinners


class TestMapWinners(ComponentTests):
    component = MapWinners((2, 3, 2), radius=1)
    inputs = {"s": (0.0, 1.0), "score": (-1.0, 1.0)}  # noqa: RUF012


def run(cell, spikes, score, batch):
    """Winners (step, *batch, unit), in one compiled loop."""
    circuit = bouton.Circuit({"winners": cell})

    @jax.jit
    def scan():
        def body(state, row):
            step, s, score = row
            tick = bouton.Tick(step=step, dt=1.0, batch=batch)
            state, out = circuit.step(state, tick, {"winners.s": s, "winners.score": score})
            return state, out["winners"].s

        state = circuit.init(key=jax.random.key(0), dt=1.0, batch=batch)
        return jax.lax.scan(body, state, (jnp.arange(len(spikes)), spikes, score))[1]

    return np.asarray(scan())


@pytest.mark.parametrize("batch", [(), (3,)])
@pytest.mark.parametrize(("size", "radius"), [((4, 5, 3), 1), ((6, 5, 4), 0), ((7, 3), 2), ((2, 3, 3, 2), 1)])
def test_beside_a_loop_over_spikes(size, radius, batch):
    """The best spike of a step wins, then the best of those that are left, and so on; scores are often equal."""
    rng = np.random.default_rng(0)
    shape = (8, *batch, int(np.prod(size)))
    spikes = (rng.random(shape) < 0.1).astype(np.float32)
    score = rng.integers(-2, 2, shape).astype(np.float32)
    got = run(MapWinners(size, radius=radius), spikes, score, batch)
    for lane in np.ndindex(batch):
        winners = []  # places of those of all steps
        for step in range(8):
            wanted, here = np.zeros(size), []
            s, rank = (a[(step, *lane)].reshape(size) for a in (spikes, score))
            queue = sorted(map(tuple, np.argwhere(s)), key=lambda unit: (-rank[unit], unit))
            for unit in queue:
                far = all(np.abs(np.subtract(unit, w)[:-1]).max() > radius and unit[-1] != w[-1] for w in winners)
                if far:
                    winners.append(unit)
                    here.append(unit)
                    wanted[unit] = 1.0
            np.testing.assert_array_equal(got[(step, *lane)].reshape(size), wanted)
        assert 1 < len(winners) <= size[-1]


def test_a_trial_begins_anew():
    circuit = bouton.Circuit({"winners": MapWinners((1, 3, 2), radius=1)})
    x = np.zeros((4, 6), np.float32)
    x[:, 0] = 1.0
    given = {"winners.s": (("trial", "unit"), x)}
    count = {"winners.s": bouton.Record("sum", per="trial")}
    run = bouton.simulate(circuit, trials=bouton.Trials(present=5.0), inputs=given, record=count, progress=False)
    np.testing.assert_array_equal(run["winners.s_sum"].values, x)  # one in each


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"size": (4,)},
            "MapWinners.size must be (width, channel), (height, width, channel) or (depth, height, width, ",
        ),
        ({"size": 4}, "channel), got 4."),
        ({"size": (4, 4, 2), "radius": -1}, "MapWinners.radius must be at least 0, got -1."),
    ],
)
def test_what_is_no_map_is_refused(arguments, message):
    with pytest.raises(bouton.CircuitError, match=re.escape(message)):
        bouton.Circuit({"winners": MapWinners(**arguments)})
