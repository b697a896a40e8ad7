"""Topologies and dynamics of this package against bouton's conformance tests."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from bouton import Synapse, Uniform
from bouton.testing import ComponentTests, TopologyTests
from bouton_synapses_dense import (
    MPS,
    AllToAll,
    Alpha,
    AxonalDelay,
    AxonalDelayPerEdge,
    DendriticDelay,
    Dense,
    DoubleExponential,
    Exponential,
    FanOut,
    OneToOne,
    Pairs,
    Patched,
    Probability,
    Receptors,
    Sparse,
    StochasticRelease,
    StochasticReleasePerEdge,
    TsodyksMarkram,
    TsodyksMarkramPerEdge,
)

EDGES = Pairs([0, 0, 2, 2, 3], [1, 2, 0, 2, 2])


class TestDense(TopologyTests):
    make = staticmethod(
        lambda: [
            Dense(3, 4),
            Dense(1, 5),
            Dense(5, 4, connect=Probability(0.5), seed=1),
            Dense(4, 4, connect=AllToAll(autapses=False)),
            Dense(3, 4, sign=[1.0, -1.0, 1.0]),
            Dense(4, 3, connect=Pairs([0, 1, 3], [2, 2, 1]), sign=-1.0),
        ]
    )


class TestOneToOne(TopologyTests):
    make = staticmethod(lambda: [OneToOne(1), OneToOne(5)])


class TestSparse(TopologyTests):
    make = staticmethod(
        lambda: [
            Sparse(4, 5, FanOut(2), seed=1),
            Sparse(5, 4, Probability(0.4), seed=1, sign=[1.0, -1.0, 1.0, -1.0, 1.0]),
            Sparse(4, 3, Pairs([3, 0, 2, 0], [2, 1, 0, 2])),
            Sparse(3, 4, FanOut(2), shared=True),
        ]
    )


class TestPatched(TopologyTests):
    make = staticmethod(
        lambda: [
            Patched(4, 5, 1, (1, 1)),
            Patched(8, 7, 3, (1, 2)),
            Patched(10, 6, 4, (3, 1)),
        ]
    )


class TestMPS(TopologyTests):
    """Its cores are factors of each other: the map is linear in each of them, and `outer` adjoint to each."""

    make = staticmethod(lambda: [MPS(4, 5, 2), MPS(3, 2, 1), MPS(2, 3, 4), MPS(1, 4)])

    def test_linear_in_weights(self):
        for case in self._cases():
            t, x, w = case.topology, case.x, case.w
            other = t.draw(Uniform(), jax.random.key(1))
            for core in ("core1", "core2"):
                mine, others = getattr(w, core), getattr(other, core)
                want = 3.0 * t.apply(w, x) - 2.0 * t.apply(w.replace(**{core: others}), x)
                self._close(t.apply(w.replace(**{core: 3.0 * mine - 2.0 * others}), x), want, f"not linear in {core}")

    def test_outer_is_adjoint(self):
        for case in self._cases():
            outer = case.topology.outer(case.w, case.x, case.y)
            want = jnp.vdot(case.topology.apply(case.w, case.x), case.y)
            for core in ("core1", "core2"):
                self._close(jnp.vdot(getattr(case.w, core), getattr(outer, core)), want, f"not the adjoint in {core}")


class TestExponentialCurrent(ComponentTests):
    component = Synapse(Dense(3, 4), weights=Uniform(0.0, 0.3), transmission=Exponential(tau=3.0, unit="pA"))


class TestExponentialConductance(ComponentTests):
    component = Synapse(
        Dense(3, 4), weights=Uniform(0.0, 0.3), transmission=Exponential(tau=3.0, reversal=-90.0), backward=True
    )
    inputs: ClassVar = {"transmission.v": (-70.0, -50.0)}


class TestAlpha(ComponentTests):
    component = Synapse(Dense(3, 4), Uniform(0.0, 0.3), transmission=Alpha(3.0, normalize="peak", reversal=-90.0))
    inputs: ClassVar = {"transmission.v": (-70.0, -50.0)}


class TestDoubleExponential(ComponentTests):
    component = Synapse(Dense(3, 4), Uniform(0.0, 0.3), transmission=DoubleExponential(1.0, [2.0, 3.0, 4.0, 5.0]))


class TestReceptors(ComponentTests):
    component = Synapse(
        Dense(3, 4),
        Uniform(0.0, 0.3),
        transmission=Receptors(Exponential(3.0), Receptors(Alpha(), DoubleExponential(reversal=0.0), 0.2), 0.5),
    )
    inputs: ClassVar = {"transmission.slow.slow.v": (-70.0, -50.0)}


class TestDendriticDelay(ComponentTests):
    component = Synapse(
        Dense(3, 4), Uniform(0.0, 0.3), transmission=DendriticDelay([0.0, 1.0, 2.0, 4.0], Exponential(reversal=0.0))
    )
    inputs: ClassVar = {"transmission.v": (-70.0, -50.0)}


class TestTsodyksMarkram(ComponentTests):
    component = Synapse(Dense(3, 4), Uniform(0.0, 0.3), release=TsodyksMarkram(0.3))


class TestTsodyksMarkramPerEdge(ComponentTests):
    component = Synapse(Dense(3, 4, sign=-1.0), Uniform(0.0, 0.3), release=TsodyksMarkramPerEdge(Uniform(0.1, 0.9)))


class TestStochasticRelease(ComponentTests):
    component = Synapse(Dense(3, 4), Uniform(0.0, 0.3), release=StochasticRelease(0.5))


class TestStochasticReleasePerEdge(ComponentTests):
    component = Synapse(Sparse(4, 3, EDGES), Uniform(0.0, 0.3), release=StochasticReleasePerEdge(Uniform(0.1, 0.9)))


class TestAxonalDelay(ComponentTests):
    component = Synapse(Dense(3, 4), Uniform(0.0, 0.3), release=AxonalDelay([0.0, 1.0, 4.0], TsodyksMarkram(0.3)))


class TestAxonalDelayPerEdge(ComponentTests):
    component = Synapse(
        Sparse(4, 3, EDGES),
        Uniform(0.0, 0.3),
        release=AxonalDelayPerEdge(Uniform(0.0, 4.0), TsodyksMarkramPerEdge(0.3)),
    )
