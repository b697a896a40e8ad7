"""The recipes with a rule: what they make, against synapses made by hand; what they learn, against numbers by hand."""

import inspect
import json
import re
import subprocess
import sys

import bouton
import bouton_learning
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import Clip, FanInGaussian, Gaussian, Synapse, Uniform
from bouton_learning import (
    BCM,
    Averaged,
    BCMSynapse,
    Bounds,
    Conv2dRSTDP,
    Conv2dSTDP,
    Decayed,
    Eligibility,
    EventSTDP,
    EventSTDPSynapse,
    ExpSTDP,
    ExpSTDPSynapse,
    GerstnerHebbian,
    GerstnerHebbianSynapse,
    HardBound,
    Hebbian,
    HebbianConvSynapse,
    HebbianDeconvSynapse,
    HebbianPatchedSynapse,
    HebbianSynapse,
    InhibitorySTDP,
    Local2dRSTDP,
    Local2dSTDP,
    MagnitudeBound,
    Modulated,
    MPSSynapse,
    MSTDPETSynapse,
    One2OneiSTDP,
    One2OneRSTDP,
    One2OneSTDP,
    Optimised,
    Prior,
    REINFORCESynapse,
    SimpleiSTDP,
    SimpleRSTDP,
    SimpleSTDP,
    SoftBound,
    SparseiSTDP,
    SparseRSTDP,
    SparseSTDP,
    STDPSynapse,
    TraceSTDP,
    TraceSTDPConvSynapse,
    TraceSTDPDeconvSynapse,
    TraceSTDPSynapse,
)
from bouton_learning._bases import CONV, CONV_2D, DECONV, DENSE, LOCAL_2D, ONE_TO_ONE, PATCHED, SIMPLE, SPARSE
from bouton_learning._conex import FunctionBound
from bouton_synapses_conv import Conv, Local2d, UpConv
from bouton_synapses_dense import MPS, Dense, OneToOne, Pairs, Patched, Probability, Sparse, Total
from jaxtyping import Array, Float

START = Uniform(0.025, 0.8)


def run(node, feeds, *, steps=1, record="w", dt=1.0, key=None, batch=()):
    """Series (step, ...) of a compartment, or of several, of a node that is fed with the values of `feeds`: the same in
    each step, or one for each where they are a list."""
    names = [record] if isinstance(record, str) else record
    circuit = bouton.Circuit({"syn": node})
    rows = {
        f"syn.{name}": jnp.asarray(value, float)
        if isinstance(value, list)
        else jnp.broadcast_to(jnp.asarray(value, float), (steps, *np.shape(value)))
        for name, value in feeds.items()
    }

    @jax.jit
    def series():
        def body(state, at):
            step, given = at
            tick = bouton.Tick(step=step, dt=dt, key=key, batch=batch)
            state, out = circuit.step(state, tick, given)
            return state, [circuit.value(state, out, f"syn.{name}") for name in names]

        state = circuit.init(key=jax.random.key(0), dt=dt, batch=batch)
        return jax.lax.scan(body, state, (jnp.arange(steps), rows))[1]

    made = [np.asarray(values) for values in series()]
    return made[0] if isinstance(record, str) else made


# ---- what they are ------------------------------------------------------------------------------------------------

CONSTANT = Clip(0.0, 1.0)


def own_bound(w, low, high):
    return (high - w) ** 2


BOTH = TraceSTDP(a_plus=0.1, a_minus=0.2, x_tar=0.0)
PAIR = TraceSTDP(a_plus=0.1, a_minus=0.2)
BY_HAND = {
    "hebbian": (
        lambda: HebbianSynapse((3, 4)),
        lambda: Synapse(
            Dense(3, 4), START, plasticity=Hebbian(0.0, bound=MagnitudeBound(1.0)), constraints=Clip(-1.0, 1.0)
        ),
    ),
    "hebbian, all": (
        lambda: HebbianSynapse(
            (3, 4), eta=0.1, w_bound=2.0, is_nonnegative=True, prior=("l1l2", (0.5, 0.25)), sign_value=-1.0,
            pre_wght=2.0, post_wght=3.0, weight_init=0.5, bias_init=0.5, resist_scale=2.0, p_conn=0.5, seed=1,
            backward=True,
        ),
        lambda: Synapse(
            Dense(3, 4, Probability(0.5), seed=1), 0.5, 2.0, 0.5, backward=True, constraints=Clip(0.0, 2.0),
            plasticity=Prior(Hebbian(-0.1, 2.0, 3.0, bound=MagnitudeBound(2.0)), "elastic_net", 0.05, 0.25),
        ),
    ),
    "hebbian, by Adam": (
        lambda: HebbianSynapse((3, 4), eta=0.1, w_bound=None, w_decay=0.2, optim_type="adam", sign_value=-1.0),
        lambda: Synapse(Dense(3, 4), START, plasticity=Optimised(Prior(Hebbian(-1.0), "gaussian", 0.2), "adam", 0.1)),
    ),
    "hebbian, by Nesterov": (
        lambda: HebbianSynapse((3, 4), eta=0.1, w_bound=None, is_nonnegative=True, optim_type="nag"),
        lambda: Synapse(
            Dense(3, 4), START, plasticity=Optimised(Hebbian(1.0), "nag", 0.1), constraints=Clip(0.0, None)
        ),
    ),
    "patched": (
        lambda: HebbianPatchedSynapse((4, 6), n_sub_models=2, stride_shape=(1, 0), eta=0.1, prior=("lasso", 0.5)),
        lambda: Synapse(
            Patched(6, 6, 2, (1, 0)), FanInGaussian(), backward=True, constraints=Clip(-1.0, 1.0),
            plasticity=Prior(Hebbian(0.1, bound=MagnitudeBound(1.0)), "laplacian", 0.05),
        ),
    ),
    "hebbian conv": (
        lambda: HebbianConvSynapse((3, 2, 1, 4), (6, 5), eta=0.1, w_decay=0.5, backward=True),
        lambda: Synapse(
            Conv((6, 5, 1), (3, 2), 4), START, plasticity=Prior(Hebbian(0.1), "gaussian", 0.05), backward=True
        ),
    ),
    "hebbian deconv": (
        lambda: HebbianDeconvSynapse(
            (3, 2, 1, 4), 6, eta=0.1, w_bound=0.9, stride=2, filter_init=0.5, bias_init=[0, 1, 2, 3]
        ),
        lambda: Synapse(
            UpConv((6, 6, 1), (3, 2), 4, 2), 0.5, plasticity=Hebbian(0.1, bound=MagnitudeBound(0.9)),
            bias=[0.0, 1.0, 2.0, 3.0], constraints=Clip(-0.9, 0.9),
        ),
    ),
    "mps": (
        lambda: MPSSynapse((3, 4), bond_dim=2, backward=True),
        lambda: Synapse(MPS(3, 4, 2), Gaussian(0.0, 0.01), plasticity=Hebbian(0.01), backward=True),
    ),
    "trace STDP": (
        lambda: TraceSTDPSynapse((3, 4), 0.1, 0.2),
        lambda: Synapse(Dense(3, 4), START, plasticity=BOTH, constraints=CONSTANT),
    ),
    "trace STDP, all": (
        lambda: TraceSTDPSynapse(
            (3, 4), 0.1, A_minus=0.2, eta=2.0, mu=0.5, pretrace_target=0.3, w_bound=0.9, tau_w=1e3, w_decay=0.01,
            tau_pre=5.0, tau_post=6.0, trace="set", read="after", wired=True, mask=np.eye(3, 4),
        ),
        lambda: Synapse(
            Dense(3, 4, Pairs(np.arange(3), np.arange(3))), START, constraints=Clip(0.0, 0.9),
            plasticity=Decayed(
                Prior(
                    TraceSTDP(5.0, 6.0, "set", "after", True, 0.2, 0.4, 0.3, SoftBound(0.0, 0.9, 0.5)), "gaussian", 0.01
                ),
                1e3,
            ),
        ),
    ),
    "trace STDP conv": (
        lambda: TraceSTDPConvSynapse((3, 2, 1, 4), (6, 5), 0.1, 0.2, eta=1.0, w_bound=0.8),
        lambda: Synapse(Conv((6, 5, 1), (3, 2), 4), START, plasticity=BOTH, constraints=Clip(0.0, 0.8)),
    ),
    "trace STDP deconv": (
        lambda: TraceSTDPDeconvSynapse((3, 2, 1, 4), 6, 0.1, 0.2, eta=1.0, backward=True),
        lambda: Synapse(UpConv((6, 6, 1), (3, 2), 4), START, plasticity=BOTH, backward=True),
    ),
    "exponential STDP": (
        lambda: ExpSTDPSynapse((3, 4), 0.1, 0.2, 3.0, eta=2.0, pretrace_target=0.5, w_bound=0.9, tau_w=1e3),
        lambda: Synapse(
            Dense(3, 4), START, constraints=Clip(0.0, 0.9),
            plasticity=Decayed(ExpSTDP(a_plus=0.2, a_minus=0.4, beta=3.0, x_tar=0.5, w_max=0.9), 1e3),
        ),
    ),
    "pair STDP": (
        lambda: STDPSynapse((3, 4), 0.1, 0.2, tau_plus=5.0),
        lambda: Synapse(
            Dense(3, 4), START, constraints=CONSTANT,
            plasticity=TraceSTDP(tau_pre=5.0, tau_post=10.0, trace="set", a_plus=0.1, a_minus=0.2),
        ),
    ),
    "event STDP": (
        lambda: EventSTDPSynapse((3, 4), 0.1, A_minus=0.5, presyn_win_len=3.0, w_bound=0.9),
        lambda: Synapse(
            Dense(3, 4), START, plasticity=EventSTDP(0.1, 0.05, 0.01, 3.0, 0.9), constraints=Clip(0.0, 0.9)
        ),
    ),
    "Gerstner": (
        lambda: GerstnerHebbianSynapse((3, 4), eta=0.1, coeffs={"c0": -0.5, "c1_pre": 0.25}, sign_value=2.0),
        lambda: Synapse(Dense(3, 4), START, plasticity=GerstnerHebbian(0.2, -0.5, 0.25, 0.0, 1.0)),
    ),
    "BCM": (
        lambda: BCMSynapse((3, 4), 1e3, 100.0),
        lambda: Synapse(Dense(3, 4), START, plasticity=BCM(1e3, 100.0, 0.1, "theta")),
    ),
    "BCM, all": (
        lambda: BCMSynapse((3, 4), 1e3, 100.0, theta0=0.5, w_bound=2.0, w_decay=0.5),
        lambda: Synapse(
            Dense(3, 4), START, constraints=Clip(-2.0, 2.0),
            plasticity=Decayed(BCM(1e3, 100.0, 0.5, "theta", MagnitudeBound(2.0)), 2e3),
        ),
    ),
    "M-STDP": (
        lambda: MSTDPETSynapse((3, 4), 0.1, 0.2),
        lambda: Synapse(Dense(3, 4), START, plasticity=Modulated(BOTH), constraints=CONSTANT),
    ),
    "M-STDP-ET": (
        lambda: MSTDPETSynapse((3, 4), 0.1, 0.2, eta=0.5, tau_elg=50.0, tau_w=1e3),
        lambda: Synapse(
            Dense(3, 4), START, constraints=CONSTANT,
            plasticity=Decayed(Eligibility(TraceSTDP(a_plus=0.05, a_minus=0.1, x_tar=0.0), tau=50.0, eta=0.02), 1e3),
        ),
    ),
    "simple STDP": (
        lambda: SimpleSTDP((3, 4), 0.5, 0.1, 0.2, sign=-1),
        lambda: Synapse(Dense(3, 4), 0.5, -1.0, plasticity=PAIR, constraints=CONSTANT),
    ),
    "sparse STDP": (
        lambda: SparseSTDP(
            (3, 4), Total(5), 0.5, 0.1, 0.2, positive_bound="soft_bound", negative_bound="soft_bound", seed=2
        ),
        lambda: Synapse(
            Sparse(3, 4, Total(5), 2), 0.5, constraints=CONSTANT,
            plasticity=TraceSTDP(a_plus=0.1, a_minus=0.2, bound=SoftBound(0.0, 1.0)),
        ),
    ),
    "one-to-one STDP": (
        lambda: One2OneSTDP(
            3, 0.5, 0.1, 0.2, w_min=-1.0, positive_bound="hard_bound", negative_bound=own_bound, two_sided=True
        ),
        lambda: Synapse(
            OneToOne(3), 0.5, constraints=Clip(-1.0, 1.0),
            plasticity=TraceSTDP(
                a_plus=0.1, a_minus=0.2,
                bound=Bounds(HardBound(-1.0, 1.0, two_sided=True), FunctionBound(own_bound, -1.0, 1.0)),
            ),
        ),
    ),
    "conv STDP": (
        lambda: Conv2dSTDP(
            (6, 5, 1), 3, 2, 0.5, 0.1, 0.2, positive_bound=SoftBound(mu=2.0), padding=1, current_coef=2.0
        ),
        lambda: Synapse(
            Conv((6, 5, 1), 3, 2, padding=((1, 1), (1, 1))), 0.5, 2.0, constraints=CONSTANT,
            plasticity=Averaged(TraceSTDP(a_plus=0.1, a_minus=0.2, bound=Bounds(SoftBound(mu=2.0), None))),
        ),
    ),
    "local STDP": (
        lambda: Local2dSTDP((6, 5, 1), 3, 2, 0.5, 0.1, 0.2, stride=2, tau_pre=5.0),
        lambda: Synapse(
            Local2d((6, 5, 1), 3, 2, 2, ((0, 0), (0, 0))), 0.5, constraints=CONSTANT,
            plasticity=TraceSTDP(tau_pre=5.0, a_plus=0.1, a_minus=0.2),
        ),
    ),
    "simple iSTDP": (
        lambda: SimpleiSTDP((3, 4), 0.5, rho=5.0),
        lambda: Synapse(Dense(3, 4), 0.5, -1.0, plasticity=InhibitorySTDP(eta=1e-5), constraints=Clip(0.0, None)),
    ),
    "sparse iSTDP": (
        lambda: SparseiSTDP((3, 4), Total(5), 0.5, alpha=0.25, lr=0.1, tau_pre=10.0, tau_post=15.0),
        lambda: Synapse(
            Sparse(3, 4, Total(5)), 0.5, -1.0, constraints=Clip(0.0, None),
            plasticity=InhibitorySTDP(10.0, 15.0, eta=0.1, rho=10.0),
        ),
    ),
    "one-to-one iSTDP": (
        lambda: One2OneiSTDP(3, 0.5, rho=8.0, is_inhibitory=False, current_coef=3.0),
        lambda: Synapse(
            OneToOne(3), 0.5, 3.0, plasticity=InhibitorySTDP(eta=1e-5, rho=8.0, excitatory=True),
            constraints=Clip(0.0, None),
        ),
    ),
    "simple R-STDP": (
        lambda: SimpleRSTDP((3, 4), 0.5, 0.1, 0.2, 500.0, w_max=2.0),
        lambda: Synapse(Dense(3, 4), 0.5, plasticity=Eligibility(PAIR, tau=500.0), constraints=Clip(0.0, 2.0)),
    ),
    "sparse R-STDP": (
        lambda: SparseRSTDP((3, 4), Total(5), 0.5, 0.1, 0.2, tau_c=500.0),
        lambda: Synapse(Sparse(3, 4, Total(5)), 0.5, plasticity=Eligibility(PAIR, tau=500.0), constraints=CONSTANT),
    ),
    "one-to-one R-STDP": (
        lambda: One2OneRSTDP(3, 0.5, 0.1, 0.2, 500.0),
        lambda: Synapse(OneToOne(3), 0.5, plasticity=Eligibility(PAIR, tau=500.0), constraints=CONSTANT),
    ),
    "conv R-STDP": (
        lambda: Conv2dRSTDP((6, 5, 1), 3, 2, 0.5, 0.1, 0.2, 500.0),
        lambda: Synapse(
            Conv((6, 5, 1), 3, 2, padding=((0, 0), (0, 0))), 0.5, constraints=CONSTANT,
            plasticity=Averaged(Eligibility(PAIR, tau=500.0)),
        ),
    ),
    "local R-STDP": (
        lambda: Local2dRSTDP((6, 5, 1), 3, 2, 0.5, 0.1, 0.2, 500.0),
        lambda: Synapse(
            Local2d((6, 5, 1), 3, 2, padding=((0, 0), (0, 0))), 0.5, constraints=CONSTANT,
            plasticity=Eligibility(PAIR, tau=500.0),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("made", "by_hand"), BY_HAND.values(), ids=BY_HAND)
def test_a_recipe_makes_the_synapse_that_one_would_make_by_hand(made, by_hand):
    assert made() == by_hand()


# ---- defaults, against those of the originals ---------------------------------------------------------------------

NGC_BASE = {"weight_init": START, "bias_init": None, "resist_scale": 1.0, "p_conn": 1.0}
HEBBIAN = {
    "eta": 0.0, "w_bound": 1.0, "is_nonnegative": False, "sign_value": 1.0, "optim_type": "sgd",
}  # fmt: skip
OF_MAPS = {"filter_init": START, "stride": 1, "resist_scale": 1.0}
TRACE = {"eta": 1.0, "mu": 0.0, "pretrace_target": 0.0, "w_bound": 1.0, "tau_w": 0.0}
STDP = {"w_min": 0.0, "w_max": 1.0, "positive_bound": None, "negative_bound": None}
ISTDP = {"rho": None, "alpha": None, "lr": 1e-5, "is_inhibitory": True}
SAID_THERE = {
    "HebbianSynapse": NGC_BASE | HEBBIAN | {"w_decay": 0.0, "pre_wght": 1.0, "post_wght": 1.0},
    "HebbianPatchedSynapse": NGC_BASE
    | HEBBIAN
    | {"weight_init": FanInGaussian(), "n_sub_models": 1, "stride_shape": (0, 0), "pre_wght": 1.0, "post_wght": 1.0},
    "HebbianConvSynapse": OF_MAPS | HEBBIAN | {"bias_init": None, "w_bound": 0.0, "w_decay": 0.0},
    "HebbianDeconvSynapse": OF_MAPS | HEBBIAN | {"bias_init": None, "w_bound": 0.0, "w_decay": 0.0},
    "MPSSynapse": {"bond_dim": 16, "eta": 0.01},
    "TraceSTDPSynapse": NGC_BASE | TRACE,
    "TraceSTDPConvSynapse": OF_MAPS | {"eta": 0.0, "pretrace_target": 0.0, "w_bound": 0.0, "w_decay": 0.0},
    "TraceSTDPDeconvSynapse": OF_MAPS | {"eta": 0.0, "pretrace_target": 0.0, "w_bound": 0.0, "w_decay": 0.0},
    "ExpSTDPSynapse": NGC_BASE | {"eta": 1.0, "pretrace_target": 0.0, "w_bound": 1.0, "tau_w": 0.0},
    "STDPSynapse": NGC_BASE
    | {"tau_plus": 10.0, "tau_minus": 10.0, "w_decay": 0.0, "eta": 1.0, "tau_w": 0.0, "w_bound": 1.0},
    "EventSTDPSynapse": NGC_BASE
    | {"lmbda": 0.01, "A_plus": 1.0, "A_minus": 1.0, "presyn_win_len": 2.0, "w_bound": 1.0},
    "GerstnerHebbianSynapse": NGC_BASE | {"eta": 0.01, "coeffs": None, "sign_value": 1.0},
    "BCMSynapse": NGC_BASE | {"w_bound": 0.0, "w_decay": 0.0},
    "MSTDPETSynapse": NGC_BASE | TRACE | {"tau_elg": 0.0, "elg_decay": 1.0},
    "REINFORCESynapse": {"eta": 1e-4, "weight_init": START, "resist_scale": 1.0, "p_conn": 1.0, "w_bound": 1.0},
    **dict.fromkeys(("SimpleSTDP", "SparseSTDP", "One2OneSTDP", "Conv2dSTDP", "Local2dSTDP"), STDP),
    **dict.fromkeys(("SimpleiSTDP", "SparseiSTDP", "One2OneiSTDP"), ISTDP),
    **dict.fromkeys(
        ("SimpleRSTDP", "SparseRSTDP", "One2OneRSTDP", "Conv2dRSTDP", "Local2dRSTDP"), STDP | {"init_c_mode": 0}
    ),
}
OFF = {"mu", "tau_w", "tau_elg"}  # a 0 there means that there is none
each_recipe = pytest.mark.parametrize("name", SAID_THERE)


def test_all_recipes_are_registered_and_listed():
    registered = {e.name for e in bouton.components("recipe") if e.plugin.dist == "bouton-learning"}
    assert registered == SAID_THERE.keys() and registered < set(dir(bouton_learning))


@each_recipe
def test_defaults_are_those_of_the_original_with_none_for_the_zeros_that_mean_off(name):
    ours = inspect.signature(getattr(bouton_learning, name)).parameters
    off = OFF | {"w_bound"}
    there = {n: None if n in off and v == 0 else v for n, v in SAID_THERE[name].items()}
    assert {n: ours[n].default for n in there} == there


@each_recipe
def test_what_has_no_default_may_be_given_by_place_and_the_rest_by_name_only(name):
    parameters = list(inspect.signature(getattr(bouton_learning, name)).parameters.values())
    for p in parameters:
        assert (p.kind is p.KEYWORD_ONLY) == (p.default is not p.empty)
    assert parameters[0].name in ("shape", "n_units", "size_in")


@each_recipe
def test_the_docstring_describes_each_parameter_once(name):
    recipe = getattr(bouton_learning, name)
    described = [
        word
        for line in recipe.__doc__.splitlines()
        if (listed := re.match(r"\s*- ((?:`\w+`(?:, )?)+)(?:\s*$|:)", line))
        for word in re.findall(r"`(\w+)`", listed[1])
    ]
    assert sorted(described) == sorted(inspect.signature(recipe).parameters)


@pytest.mark.parametrize("base", (CONV, CONV_2D, DECONV, DENSE, LOCAL_2D, ONE_TO_ONE, PATCHED, SIMPLE, SPARSE))
def test_the_base_has_the_parameters_that_the_table_says_it_has(base):
    recipe = getattr(__import__(base.package), base.name)
    parameters = inspect.signature(recipe).parameters
    assert {n: p.default for n, p in parameters.items() if p.default is not p.empty} == base.optional
    assert tuple(n for n, p in parameters.items() if p.default is p.empty) == base.required


# ---- their names --------------------------------------------------------------------------------------------------

DENSE_NAMES = {"inputs", "outputs", "weights", "biases"}
RATES, SPIKES, TRACES = {"pre", "post"}, {"preSpike", "postSpike"}, {"preTrace", "postTrace"}
KERNELS = DENSE_NAMES | {"filters", "dInputs"}
CONEX = {"pre_spike", "post_spike", "I", "weights"}
REWARDED = CONEX | {"c"}
ON = {"bias_init": 0.0, "backward": True}
MAP = ((6, 5, 1), 3, 2, 0.5)
NAMES = {
    "HebbianSynapse": (DENSE_NAMES | RATES, lambda f: f((3, 4), eta=0.1, **ON)),
    "HebbianPatchedSynapse": (
        DENSE_NAMES | RATES | {"post_in", "pre_out"},
        lambda f: f((3, 4), eta=0.1, bias_init=0.0),
    ),
    "HebbianConvSynapse": (KERNELS | RATES, lambda f: f((3, 3, 1, 2), 6, eta=0.1, **ON)),
    "HebbianDeconvSynapse": (KERNELS | RATES, lambda f: f((3, 3, 1, 2), 6, eta=0.1, **ON)),
    "MPSSynapse": (
        {"inputs", "outputs", "core1", "core2"} | RATES,
        lambda f: f((3, 4), bond_dim=2, weight_init=Uniform(), eta=0.1),
    ),
    "TraceSTDPSynapse": (DENSE_NAMES | SPIKES | TRACES, lambda f: f((3, 4), 0.1, 0.05, **ON)),
    "TraceSTDPConvSynapse": (
        KERNELS | SPIKES | TRACES,
        lambda f: f((3, 3, 1, 2), 6, 0.1, 0.05, eta=0.1, w_bound=1.0, **ON),
    ),
    "TraceSTDPDeconvSynapse": (KERNELS | SPIKES | TRACES, lambda f: f((3, 3, 1, 2), 6, 0.1, 0.05, eta=0.1, **ON)),
    "ExpSTDPSynapse": (DENSE_NAMES | SPIKES | TRACES, lambda f: f((3, 4), 0.1, 0.05, 1.0, **ON)),
    "STDPSynapse": (DENSE_NAMES | SPIKES | {"pre_tols", "post_tols"}, lambda f: f((3, 4), 0.1, 0.05, **ON)),
    "EventSTDPSynapse": (DENSE_NAMES | {"postSpike", "pre_tols"}, lambda f: f((3, 4), 0.1, **ON)),
    "GerstnerHebbianSynapse": (DENSE_NAMES | RATES, lambda f: f((3, 4), **ON)),
    "BCMSynapse": (DENSE_NAMES | RATES | {"theta"}, lambda f: f((3, 4), 100.0, 10.0, **ON)),
    "MSTDPETSynapse": (
        DENSE_NAMES | SPIKES | TRACES | {"modulator", "eligibility"},
        lambda f: f((3, 4), 0.1, 0.05, tau_elg=20.0, **ON),
    ),
    "SimpleSTDP": (CONEX, lambda f: f((3, 4), 0.5, 0.1, 0.05)),
    "SparseSTDP": (CONEX, lambda f: f((3, 4), Total(5), 0.5, 0.1, 0.05)),
    "One2OneSTDP": (CONEX, lambda f: f(3, 0.5, 0.1, 0.05)),
    "Conv2dSTDP": (CONEX, lambda f: f(*MAP, 0.1, 0.05)),
    "Local2dSTDP": (CONEX, lambda f: f(*MAP, 0.1, 0.05)),
    "SimpleiSTDP": (CONEX, lambda f: f((3, 4), 0.5, rho=5.0, lr=0.1)),
    "SparseiSTDP": (CONEX, lambda f: f((3, 4), Total(5), 0.5, rho=5.0, lr=0.1)),
    "One2OneiSTDP": (CONEX, lambda f: f(3, 0.5, rho=5.0, lr=0.1)),
    "SimpleRSTDP": (REWARDED, lambda f: f((3, 4), 0.5, 0.1, 0.05, 100.0)),
    "SparseRSTDP": (REWARDED, lambda f: f((3, 4), Total(5), 0.5, 0.1, 0.05, 100.0)),
    "One2OneRSTDP": (REWARDED, lambda f: f(3, 0.5, 0.1, 0.05, 100.0)),
    "Conv2dRSTDP": (REWARDED, lambda f: f(*MAP, 0.1, 0.05, 100.0)),
    "Local2dRSTDP": (REWARDED, lambda f: f(*MAP, 0.1, 0.05, 100.0)),
    "REINFORCESynapse": (
        {"inputs", "outputs", "rewards", "weights"},
        lambda f: f((3, 4), eta=0.1),
    ),
}


@each_recipe
def test_the_docstring_names_the_compartments_of_the_original_and_a_circuit_that_learns_has_them(name):
    recipe = getattr(bouton_learning, name)
    of_original, make = NAMES[name]
    said = dict(re.findall(r"``(\w+)``\s+is\s+``([\w.]+)``", recipe.__doc__))
    assert said.keys() == of_original
    node = make(recipe)
    if isinstance(node, bouton.Circuit):
        sizes = {
            f"{head}.{n}": size for head in ("mu", "log_std") for n, size in (("pre", 3), ("plasticity.modulator", ()))
        }
    else:
        pre, post = (node.topology.size(which) for which in ("pre", "post"))
        sizes = {"pre": pre, "post": post}
        sizes |= {"feedback": post} if node.backward else {}
        sizes |= {"plasticity.modulator": ()} if name.endswith("RSTDP") or name.startswith("MSTDP") else {}
    r = np.random.default_rng(0)
    feeds = {n: list(r.integers(0, 2, (12, *np.atleast_1d(np.array(size, int))))) for n, size in sizes.items()}
    feeds |= {n: 1.0 for n in feeds if n.endswith("modulator")}
    record = sorted(set(said.values()) - feeds.keys())
    series = dict(zip(record, run(node, feeds, steps=12, record=record, key=jax.random.key(0)), strict=True))
    assert all(np.isfinite(values).all() for values in series.values())
    weights = [series[n] for n in record if re.search(r"\bw(\.core[12])?$", n)]
    assert weights and all(abs(w[-1] - w[0]).max() > 1e-4 for w in weights)


# ---- what they learn, in numbers ----------------------------------------------------------------------------------


def last(synapse, feeds, **keywords):
    return run(synapse, feeds, **keywords)[-1]


def test_hebbian_learning_is_hebbian_with_the_sign_of_the_documentation():
    """0.5 + 0.1 without a bound, + 0.05 with half of the room left, - 0.1 with the other sign."""
    ones = {"pre": np.ones(1), "post": np.ones(1)}
    for keywords, wanted in (
        ({"w_bound": None}, 0.6),
        ({}, 0.55),
        ({"w_bound": None, "sign_value": -1.0}, 0.4),
        ({"w_bound": 0.52, "sign_value": -1.0, "is_nonnegative": True}, 0.498),
    ):
        w = last(HebbianSynapse((1, 1), eta=0.1, weight_init=0.5, **keywords), ones)
        np.testing.assert_allclose(w, [[wanted]], rtol=1e-6)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_decay_makes_weights_smaller_whatever_the_sign(sign):
    for made, zeros in (
        (HebbianSynapse((1, 1), eta=0.1, w_bound=None, w_decay=0.1, sign_value=sign, weight_init=1.0), np.zeros(1)),
        (
            HebbianConvSynapse((1, 1, 1, 1), 1, eta=0.1, w_decay=0.1, sign_value=sign, filter_init=1.0),
            np.zeros((1, 1, 1)),
        ),
    ):
        np.testing.assert_allclose(last(made, {"pre": zeros, "post": zeros}).ravel(), [0.99], rtol=1e-6)


def test_kernels_learn_the_mean_over_positions_as_in_conex_and_the_sum_as_in_ngc_learn():
    """All units of a 3 x 3 map fire, and one of four positions 3 ms later: exp(-3 / 10), a quarter of it on average."""
    pre, post = np.zeros((4, 3, 3, 1)), np.zeros((4, 2, 2, 1))
    pre[0], post[3, 0, 0] = 1.0, 1.0
    feeds = {"pre": list(pre), "post": list(post)}
    amount = np.exp(-0.3)
    mean = Conv2dSTDP((3, 3, 1), 2, 1, 0.5, 0.1, 0.1, tau_pre=10.0, tau_post=10.0)
    np.testing.assert_allclose(last(mean, feeds, steps=4), np.full((2, 2, 1, 1), 0.5 + 0.1 * amount / 4), rtol=1e-6)
    rewarded = Conv2dRSTDP((3, 3, 1), 2, 1, 0.5, 0.1, 0.1, 1e3, tau_pre=10.0)
    got = last(rewarded, feeds | {"plasticity.modulator": 2.0}, steps=4)
    np.testing.assert_allclose(got, np.full((2, 2, 1, 1), 0.5 + 0.2 * amount / 4), rtol=1e-6)
    total = TraceSTDPConvSynapse((2, 2, 1, 1), 3, 0.1, 0.1, eta=1.0, padding="VALID", filter_init=0.5, tau_pre=10.0)
    np.testing.assert_allclose(last(total, feeds, steps=4), np.full((2, 2, 1, 1), 0.5 + 0.1 * amount), rtol=1e-6)


def test_local_windows_need_a_post_synaptic_spike():
    pre, post = np.ones((2, 3, 3, 1)), np.zeros((2, 2, 2, 1))
    got = last(Local2dSTDP((3, 3, 1), 2, 1, 0.5, 0.1, 0.0), {"pre": list(pre), "post": list(post)}, steps=2)
    np.testing.assert_array_equal(got, np.full_like(got, 0.5))


def test_depression_falls_off_with_the_distance_of_the_spikes():
    for lag in (1, 4):
        pre, post = np.zeros((2, 6, 1))
        post[0], pre[lag] = 1.0, 1.0
        got = last(STDPSynapse((1, 1), 0.1, 0.2, weight_init=0.5), {"pre": list(pre), "post": list(post)}, steps=6)
        np.testing.assert_allclose(got, [[0.5 - 0.2 * np.exp(-lag / 10.0)]], rtol=1e-6)


@pytest.mark.parametrize("dt", [0.5, 1.0])
def test_an_eligibility_trace_decays_in_ms_and_learns_from_the_first_step(dt):
    """A trace from outside of 1 and a post-synaptic spike at the start make 0.1, which fades by exp(-t / 20) 0.9^t."""
    steps = round(4 / dt)
    post = np.zeros((steps, 1))
    post[0] = 1.0
    made = MSTDPETSynapse((1, 1), 0.1, 0.0, tau_elg=20.0, elg_decay=0.9, weight_init=0.2, wired=True)
    feeds = {"pre": np.zeros(1), "post": list(post), "plasticity.modulator": 3.0}
    feeds |= {"plasticity.trace_pre": np.ones(1), "plasticity.trace_post": np.zeros(1)}
    w = run(made, feeds, steps=steps, dt=dt)[:, 0, 0]
    t = np.arange(steps) * dt
    np.testing.assert_allclose(w, 0.2 + np.cumsum(dt * 3.0 * 0.1 / 20.0 * np.exp(-t / 20.0) * 0.9**t), rtol=1e-5)


def test_functions_of_ones_own_bound_the_weights():
    """Potentiation by (1 - w)^2, which is a quarter at a weight of one half."""
    made = One2OneSTDP(1, 0.5, 0.1, 0.0, positive_bound=own_bound, wired=True)
    feeds = {"pre": [0.0], "post": [1.0], "plasticity.trace_pre": [1.0], "plasticity.trace_post": [0.0]}
    w = last(made, {n: np.array(v) for n, v in feeds.items()})
    np.testing.assert_allclose(w, [0.5 + 0.1 * 0.25], rtol=1e-6)


def test_feedback_comes_back_through_the_kernels():
    """The adjoint: what one unit of the output map sends back is its window, with the kernel in it."""
    kernel = np.arange(4.0).reshape(2, 2, 1, 1)
    made = HebbianConvSynapse((2, 2, 1, 1), 3, padding="VALID", filter_init=kernel, backward=True)
    feedback = np.zeros((2, 2, 1))
    feedback[1, 0] = 2.0
    feeds = {"pre": np.zeros((3, 3, 1)), "post": np.zeros((2, 2, 1)), "feedback": feedback}
    wanted = np.zeros((3, 3))
    wanted[1:, :2] = 2.0 * kernel[..., 0, 0]
    np.testing.assert_allclose(last(made, feeds, record="back")[..., 0], wanted)


def test_the_cores_of_a_matrix_learn_along_the_gradient():
    """Of the sum of post times current, by autodiff."""
    r = np.random.default_rng(0)
    matrix, pre, post = r.normal(size=(3, 4)), r.normal(size=3), r.normal(size=4)
    made = MPSSynapse((3, 4), bond_dim=3, weight_init=matrix, eta=0.1)
    start = made.topology.from_matrix(jnp.asarray(matrix, float))
    slope = jax.grad(lambda w: (made.topology.apply(w, jnp.asarray(pre, float)) * jnp.asarray(post, float)).sum())(
        start
    )
    for core in ("core1", "core2"):
        got = last(made, {"pre": pre, "post": post}, record=f"w.{core}")
        np.testing.assert_allclose(got, getattr(start, core) + 0.1 * getattr(slope, core), rtol=1e-4, atol=1e-5)


# ---- act, then learn ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fx", ["identity", "tanh", "sigmoid"])
@pytest.mark.parametrize("limits", [(None, None), (-0.1, 0.1)], ids=str)
def test_weights_of_a_policy_change_by_the_gradient_of_the_log_probability_times_reward(fx, limits):
    """The mean over samples of reward times the gradient, by autodiff, of the density at the action that was drawn."""
    r = np.random.default_rng(0)
    x, reward = jnp.asarray(r.normal(size=(5, 3)), float), jnp.asarray(r.normal(size=5), float)
    start = jnp.asarray(r.normal(size=(3, 2)) * 0.4, float)
    circuit = REINFORCESynapse(
        (3, 2), eta=0.1, weight_init=np.asarray(start), w_bound=None, mu_act_fx=fx,
        mu_out_min=limits[0], mu_out_max=limits[1],
    )  # fmt: skip
    state = circuit.init(key=jax.random.key(1), dt=1.0, batch=5)
    feeds = {f"{head}.pre": x for head in ("mu", "log_std")}
    feeds |= {f"{head}.plasticity.modulator": reward for head in ("mu", "log_std")}
    new, out = circuit.step(state, bouton.Tick(step=0, dt=1.0, key=jax.random.key(2), batch=(5,)), feeds)
    f = {"identity": lambda z: z, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid}[fx]

    def log_p(w_mu, w_std, drawn):
        return jax.scipy.stats.norm.logpdf(drawn, f(x @ w_mu), jnp.exp(jnp.clip(x @ w_std, -10.0, 2.0)))

    def objective(w_mu, w_std):
        return (reward[:, None] * log_p(w_mu, w_std, drawn)).sum() / 5

    std = jnp.exp(x @ start)
    slope = jax.vmap(jax.vmap(jax.grad(f)))(x @ start)
    drawn = f(x @ start) + std**2 * out["policy"].score_mu / slope
    assert (np.abs(out["policy"].a) <= 0.1).all() or limits[0] is None
    if limits[0] is None:
        np.testing.assert_allclose(out["policy"].a, drawn, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(out["policy"].log_prob, log_p(start, start, drawn), rtol=1e-4, atol=1e-5)
    for head, wanted in zip(("mu", "log_std"), jax.grad(objective, (0, 1))(start, start), strict=True):
        np.testing.assert_allclose(new[head].w - start, 0.1 * wanted, rtol=2e-4, atol=1e-5)


class TwoArms(bouton.Component):
    """An action above 0 pays in 8 of 10 steps, another one in 2 of 10."""

    n_units: int = bouton.static(dim="unit", default=1)

    class In(bouton.Ports):
        a: Float[Array, "*batch unit"] = bouton.port()

    class Out(bouton.Ports):
        reward: Float[Array, "*batch"] = bouton.port()

    def advance(self, s, x, tick):
        better = x.a[..., 0] > 0
        pays = jax.random.uniform(tick.key, better.shape) < jnp.where(better, 0.8, 0.2)
        return s, self.Out(reward=jnp.where(pays, 1.0, 0.0))


@pytest.mark.parametrize("keywords", [{"scalar_stddev": 0.5}, {}, {"tau_elg": 1.0}], ids=str)
def test_a_policy_finds_the_better_arm(keywords):
    """From about 1 in 12 at the start to more than 99 in 100 of the actions of 20 samples."""
    agent = REINFORCESynapse((1, 1), eta=0.05, weight_init=-0.7, w_bound=None, tau_baseline=50.0, **keywords)
    heads = [n for n in ("mu", "log_std") if n in agent.nodes]
    circuit = bouton.Circuit(
        {"agent": agent, "arms": TwoArms()},
        {"arms.a": "agent.policy.a"} | {f"agent.{n}.plasticity.modulator": "arms.reward" for n in heads},
    )
    inputs = {f"agent.{n}.pre": np.ones(1) for n in heads}
    done = bouton.simulate(circuit, 1500.0, inputs=inputs, batch=20, record={"agent.policy.a": 1}, progress=False)
    better = np.asarray(done["agent.policy.a"] > 0).mean((1, 2))
    assert better[:5].mean() < 0.2 and better[-200:].mean() > 0.99


# ---- model files, the command line --------------------------------------------------------------------------------

MODEL = """
bouton: 1
nodes:
  hebb: {type: HebbianSynapse, shape: [3, 4], eta: 0.1, w_bound: none, prior: [l1, 0.01], weight_init: 0.5}
  reward:
    type: SparseRSTDP
    shape: [3, 4]
    connect: {type: Total, n: 5}
    weights: {type: Uniform}
    a_plus: 0.1
    a_minus: 0.2
    tau_c: 500.0
    positive_bound: soft_bound
    negative_bound: {type: HardBound}
"""


def test_a_model_file_may_name_recipes_and_keeps_what_they_made(tmp_path):
    (tmp_path / "model.yaml").write_text(MODEL)
    circuit = bouton.load(tmp_path / "model.yaml")
    assert circuit.nodes == {
        "hebb": HebbianSynapse((3, 4), eta=0.1, w_bound=None, prior=("l1", 0.01), weight_init=0.5),
        "reward": SparseRSTDP(
            (3, 4), Total(5), Uniform(), 0.1, 0.2, 500.0, positive_bound="soft_bound", negative_bound=HardBound()
        ),
    }
    bouton.save(circuit, tmp_path / "again.json")
    assert bouton.load(tmp_path / "again.json") == circuit


def test_the_command_line_shows_the_parameters():
    command = [sys.executable, "-m", "bouton", "components", "One2OneiSTDP", "--json"]
    shown = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)[0]
    assert shown["kind"] == "recipe" and "that balances excitation" in shown["doc"]
    defaults = {p["name"]: "required" if p["required"] else p["default"] for p in shown["parameters"]}
    assert defaults == {
        "n_units": "required", "weights": "required", "tau_pre": "20.0", "tau_post": "20.0", "trace": "'add'",
        "read": "'before'", "wired": "False", "rho": "None", "alpha": "None", "lr": "1e-05", "is_inhibitory": "True",
        "sign": "None", "current_coef": "1.0",
    }  # fmt: skip


# ---- errors -------------------------------------------------------------------------------------------------------

WRONG = {
    "name by its place": (
        lambda: HebbianSynapse("W1", (3, 4)),
        r"HebbianSynapse: too many positional arguments\.",
    ),
    "name": (
        lambda: HebbianSynapse("W1"),
        r"HebbianSynapse: DenseSynapse\.shape must be two sizes \(pre, post\), got 'W1'\.",
    ),
    "batch_size": (
        lambda: STDPSynapse((3, 4), 0.1, 0.1, batch_size=1),
        r"has no parameter 'batch_size'\. The batch is given to the run: simulate\(\.\.\., batch=\.\.\.\)\. "
        r"Changes are the mean over it; batch_reduce='sum' adds them up\.",
    ),
    "key": (lambda: BCMSynapse((3, 4), 1.0, 1.0, key=0), r"'key'\. Random numbers come from the seed of the run"),
    "mask": (lambda: ExpSTDPSynapse((3, 4), 1.0, 1.0, 1.0, weight_mask=1), r"'weight_mask'\. It is called mask here"),
    "block_mask": (
        lambda: HebbianPatchedSynapse((4, 4), block_mask=1),
        r"'block_mask'\. The structure is the topology",
    ),
    "factor": (lambda: MSTDPETSynapse((3, 4), 1.0, 1.0, g_conduct_factor=2.0), r"It is called resist_scale here"),
    "delays": (lambda: EventSTDPSynapse((3, 4), 1.0, max_delay_steps=2), r"Delays are in ms: wire bouton\.delayed"),
    "release": (lambda: EventSTDPSynapse((3, 4), 1.0, p_release_mean=0.5), r"Use \.replace\(release=StochasticRelease"),
    "given name": (lambda: MPSSynapse((3, 4), name="W"), r"A synapse has its name from the circuit"),
    "spelling": (lambda: TraceSTDPSynapse((3, 4), 0.1, 0.1, etta=1.0), r"no parameter 'etta'\. Did you mean 'eta'\?"),
    "missing": (lambda: TraceSTDPSynapse((3, 4), 0.1), r"TraceSTDPSynapse: missing a required argument: 'A_minus'\."),
    "w_bound 0": (
        lambda: HebbianSynapse((3, 4), w_bound=0.0),
        r"HebbianSynapse: w_bound must be a number above 0, or None for none, got 0\.0\.",
    ),
    "w_bound of STDP": (lambda: TraceSTDPSynapse((3, 4), 0.1, 0.1, w_bound=0), r"w_bound must be a number above 0, or"),
    "no w_bound": (
        lambda: ExpSTDPSynapse((3, 4), 1.0, 1.0, 1.0, w_bound=None),
        r"w_bound must be a number: it is in th",
    ),
    "no w_bound of events": (lambda: EventSTDPSynapse((3, 4), 1.0, w_bound=None), r"w_bound must be a number: it is"),
    "mu 0": (lambda: TraceSTDPSynapse((3, 4), 0.1, 0.1, mu=0.0), r"syn\.plasticity\.bound\.mu must be > 0, got 0"),
    "mu": (
        lambda: TraceSTDPSynapse((3, 4), 0.1, 0.1, mu=0.5, w_bound=None),
        r"TraceSTDPSynapse: mu is an exponent of the room below w_bound, which is None: give both or none\.",
    ),
    "tau_w 0": (lambda: STDPSynapse((3, 4), 0.1, 0.1, tau_w=0.0), r"syn\.plasticity\.tau must be > 0 ms, got 0"),
    "tau_elg 0": (
        lambda: MSTDPETSynapse((3, 4), 0.1, 0.1, tau_elg=0.0),
        r"tau_elg must be a number above 0, or None for none, got 0\.0",
    ),
    "elg_decay": (
        lambda: MSTDPETSynapse((3, 4), 0.1, 0.1, tau_elg=5.0, elg_decay=1.5),
        r"elg_decay must be above 0 and at most 1, got 1\.5\.",
    ),
    "elg_decay alone": (
        lambda: MSTDPETSynapse((3, 4), 0.1, 0.1, elg_decay=0.9),
        r"elg_decay is that of the eligibility trace, and there is none: tau_elg is None\.",
    ),
    "eta": (lambda: HebbianSynapse((3, 4), eta="0.1"), r"HebbianSynapse: eta must be a number, got '0\.1'\."),
    "eta NaN": (lambda: HebbianSynapse((3, 4), eta=float("nan")), r"eta must be a number, got nan"),
    "A_plus": (lambda: STDPSynapse((3, 4), [0.1], 0.1), r"STDPSynapse: A_plus must be a number, got \[0\.1\]"),
    "optim_type": (
        lambda: HebbianSynapse((3, 4), optim_type="adamm"),
        r"HebbianSynapse: Optimised\.optimiser must be the name of an optimiser in optax, .* got 'adamm'",
    ),
    "prior": (
        lambda: HebbianSynapse((3, 4), prior="l2"),
        r"prior must be a pair \(kind, strength\) such as .* got 'l2'",
    ),
    "kind of prior": (
        lambda: HebbianSynapse((3, 4), prior=("lasoo", 0.1)),
        r"prior has no kind 'lasoo'\. Did you mean 'lasso'\?",
    ),
    "any prior": (
        lambda: HebbianSynapse((3, 4), prior=("zzz", 0.1)),
        r"no kind 'zzz'\. Available: gaussian, l2, ridge",
    ),
    "elastic net": (
        lambda: HebbianSynapse((3, 4), prior=("l1l2", 0.1)),
        r"prior 'l1l2' needs \(strength, l1_ratio\), such as \(0\.001, 0\.5\), got 0\.1\.",
    ),
    "strength": (
        lambda: HebbianSynapse((3, 4), prior=("l2", None)),
        r"the strength of prior must be a number, got None",
    ),
    "two decays": (
        lambda: HebbianSynapse((3, 4), prior=("l2", 0.1), w_decay=0.1),
        r"prior and w_decay both penalise the weights: give one of them\.",
    ),
    "coeffs": (
        lambda: GerstnerHebbianSynapse((3, 4), coeffs=(0.0, 1.0)),
        r"coeffs must be a mapping such as \{'c0': -0\.1, 'c2_corr': 1\.0\}, got \(0\.0, 1\.0\)",
    ),
    "coefficient": (
        lambda: GerstnerHebbianSynapse((3, 4), coeffs={"c1_pree": 1.0}),
        r"coeffs has no coefficient 'c1_pree'\. Did you mean 'c1_pre'\?",
    ),
    "weights": (
        lambda: SimpleSTDP((3, 4), "random", 0.1, 0.1),
        r"SimpleSTDP: SimpleDendriticInput\.weights must be a number, an array or an initialiser .* got 'random'",
    ),
    "tau_s": (
        lambda: SimpleSTDP((3, 4), 0.5, 0.1, 0.1, tau_s=10.0),
        r"'tau_s'\. Each trace has its time constant: tau_pre",
    ),
    "spike_scale": (
        lambda: SimpleSTDP((3, 4), 0.5, 0.1, 0.1, spike_scale=1),
        r"The size of a spike in a trace is in a_p",
    ),
    "tag": (lambda: SimpleSTDP((3, 4), 0.5, 0.1, 0.1, tag="x"), r"A compartment of a dendrite is an input of the cell"),
    "density": (lambda: SparseSTDP((3, 4), density=0.1), r"Say which pairs are joined: connect=Probability\(density\)"),
    "bound": (
        lambda: SimpleSTDP((3, 4), 0.5, 0.1, 0.1, positive_bound="softbound"),
        r"SimpleSTDP: positive_bound has no kind 'softbound'\. Did you mean 'soft_bound'\?",
    ),
    "bound of no kind": (
        lambda: SimpleSTDP((3, 4), 0.5, 0.1, 0.1, negative_bound=1.0),
        r"negative_bound must be 'no_bound', 'soft_bound', 'hard_bound', a function f\(w, w_min, w_max\) or a bound "
        r"such as SoftBound\(\), got 1\.0\.",
    ),
    "range": (
        lambda: SimpleSTDP((3, 4), 0.5, 0.1, 0.1, w_min=2.0),
        r"SimpleSTDP: Clip\.low must not be above Clip\.high, got 2 and 1\.",
    ),
    "no end": (lambda: SimpleSTDP((3, 4), 0.5, 0.1, 0.1, w_max=None), r"SimpleSTDP: w_max must be a number, got None"),
    "no target": (
        lambda: SimpleiSTDP((3, 4), 0.5),
        r"SimpleiSTDP: rho \(a rate, in Hz\) or alpha \(a trace\) says what is wanted: give one of them\.",
    ),
    "two targets": (lambda: SimpleiSTDP((3, 4), 0.5, rho=5.0, alpha=0.2), r"says what is wanted: give one of them\."),
    "is_inhibitory": (
        lambda: SimpleiSTDP((3, 4), 0.5, rho=5.0, is_inhibitory="yes"),
        r"is_inhibitory must be True or False, got 'yes'",
    ),
    "init_c_mode": (
        lambda: SimpleRSTDP((3, 4), 0.5, 0.1, 0.1, 500.0, init_c_mode="random"),
        r"SimpleRSTDP: init_c_mode must be a number, an array or an initialiser, got 'random'\.",
    ),
    "rule's": (lambda: SimpleRSTDP((3, 4), 0.5, 0.1, 0.1, -1.0), r"syn\.plasticity\.tau must be > 0 ms, got -1"),
    "reward, w_bound": (
        lambda: REINFORCESynapse((3, 4), w_bound=0),
        r"REINFORCESynapse: w_bound must be a number above 0",
    ),
    "reward, shape": (lambda: REINFORCESynapse("W1"), r"REINFORCESynapse: DenseSynapse\.shape must be two sizes"),
    "reward, deviation": (
        lambda: REINFORCESynapse((3, 4), scalar_stddev=-1.0),
        r"REINFORCESynapse: policy\.sigma must be > 0",
    ),
    "reward, decay": (lambda: REINFORCESynapse((3, 4), decay=0.9), r"A trace of the scores is tau_elg, in ms\."),
    "reward, seed": (lambda: REINFORCESynapse((3, 4), seed=1), r"Actions are drawn from the seed of the run"),
    "reward, mask": (
        lambda: REINFORCESynapse((3, 4), learning_mask=1),
        r"switched by the run: simulate\(\.\.\., learn=Fal",
    ),
    "reward, act_fx": (lambda: REINFORCESynapse((3, 4), act_fx="tanh"), r"'act_fx'\. Inputs are as they are wired"),
}


@pytest.mark.parametrize(("wrong", "message"), WRONG.values(), ids=WRONG)
def test_arguments_that_do_not_fit(wrong, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit({"syn": wrong()})


def test_a_function_as_a_bound_cannot_be_saved(tmp_path):
    circuit = bouton.Circuit({"syn": SimpleSTDP((3, 4), 0.5, 0.1, 0.1, positive_bound=own_bound)})
    with pytest.raises(bouton.ModelError, match="FunctionBound"):
        bouton.save(circuit, tmp_path / "model.json")
