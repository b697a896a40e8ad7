"""Several receptors at one synapse: the sum of what each makes alone."""

import bouton
import numpy as np
import pytest
from bouton_synapses_dense import Alpha, Dense, DoubleExponential, Exponential, Receptors

from .drive import run, train

SPIKES = np.random.default_rng(0).integers(0, 2, (20, 3))
W = np.random.default_rng(1).uniform(size=(3, 2))
V = np.random.default_rng(2).uniform(-70, -50, (20, 2))
AMPA, NMDA, GABA = (
    Exponential(2.0, reversal=0.0),
    DoubleExponential(3.0, 50.0, reversal=5.0),
    Alpha(6.0, reversal=-75.0),
)


def through(transmission, share=1.0, **feeds):
    synapse = bouton.Synapse(Dense(3, 2), share * W, transmission=transmission)
    return run(synapse, SPIKES, dt=0.5, feeds={f"transmission.{name}": v for name, v in feeds.items()})


def test_currents_add_up_by_their_shares_each_with_a_potential_of_its_own():
    """Fast receptors feel the potential of one place, slow ones that of another."""
    got = through(Receptors(AMPA, NMDA, share=0.2), **{"fast.v": V, "slow.v": V - 10})
    want = through(AMPA, 0.8, v=V) + through(NMDA, 0.2, v=V - 10)
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_a_current_and_a_conductance_may_share_a_synapse():
    got = through(Receptors(Exponential(3.0), GABA, share=0.5), **{"slow.v": V})
    np.testing.assert_allclose(got, through(Exponential(3.0), 0.5) + through(GABA, 0.5, v=V), rtol=1e-5)


def test_three_by_nesting_and_shares_of_each_unit():
    three = Receptors(AMPA, Receptors(NMDA, GABA, share=[0.1, 0.5]), share=[0.0, 0.6])
    got = through(three, **{"fast.v": V, "slow.fast.v": V, "slow.slow.v": V})
    want = through(AMPA, np.array([1.0, 0.4]), v=V) + through(NMDA, np.array([0.0, 0.3]), v=V)
    np.testing.assert_allclose(got, want + through(GABA, np.array([0.0, 0.3]), v=V), rtol=1e-5, atol=1e-5)


def test_compartments_are_named_by_receptor():
    synapse = bouton.Synapse(Dense(3, 2), W, transmission=Receptors(Exponential(2.0), Alpha(6.0), share=0.25))
    names = ("transmission.fast.g", "transmission.slow.g", "transmission.slow.h", "current")
    fast, slow, h, current = run(synapse, train(6, 1, n=3), record=names)
    np.testing.assert_allclose(fast[1], 0.75 * W.sum(0), rtol=1e-6)
    np.testing.assert_allclose(h[1], 0.25 * W.sum(0), rtol=1e-6)
    np.testing.assert_allclose(fast + slow, current, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (Exponential(unit="pA"), Exponential(unit="nA"), 0.5),
            r"Receptors adds fast \[pA\] and slow \[nA\]: the units",
        ),
        (
            (Exponential(), 5.0, 0.5),
            r"Receptors\.slow must be a transmission such as Exponential\(tau=5\.0\), got 5\.0",
        ),
        ((Exponential(), Alpha()), r"Receptors needs 'share' as well"),
    ],
    ids=str,
)
def test_what_cannot_be_added_is_refused(arguments, message):
    with pytest.raises(bouton.CircuitError, match=message):
        Receptors(*arguments)


def test_its_unit_is_that_of_its_parts():
    both = Receptors(Exponential(unit="pA"), Alpha(unit="pA"), 0.5)
    assert both.unit == "pA" and bouton.Synapse(Dense(1, 1), transmission=both).unit == "pA"
    with pytest.raises(bouton.CircuitError, match=r"Receptors \[nA\] is made of fast \[pA\]: the units differ"):
        Receptors(Exponential(unit="pA"), Alpha(unit="pA"), 0.5, unit="nA")


def test_a_share_is_a_part_of_one():
    with pytest.raises(bouton.CircuitError, match=r"ff\.transmission\.share must be >= 0 and <= 1, got 1\.5"):
        bouton.Circuit({"ff": bouton.Synapse(Dense(1, 1), transmission=Receptors(Exponential(), Alpha(), 1.5))})
