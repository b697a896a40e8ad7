"""How the synapses of ngc-learn learn, step by step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bouton import CircuitError

from ._making import Draft, Library
from ._steps import clipped, near, number, product
from .bcm import BCM
from .bounds import MagnitudeBound, SoftBound
from .decayed import Decayed
from .eligibility import Eligibility
from .event_stdp import EventSTDP
from .exp_stdp import ExpSTDP
from .gerstner_hebbian import GerstnerHebbian
from .hebbian import Hebbian
from .modulated import Modulated
from .optimised import Optimised
from .prior import Prior
from .trace_stdp import TraceSTDP

NGC_LEARN = Library(
    "ngc-learn",
    {
        "batch_size": "The batch is given to the run: simulate(..., batch=...). Changes are the mean over it; "
        "batch_reduce='sum' adds them up.",
        "block_mask": "The structure is the topology's.",
        "g_conduct_factor": "It is called resist_scale here.",
        "key": "Random numbers come from the seed of the run: simulate(..., seed=...).",
        "max_delay_steps": "Delays are in ms: wire bouton.delayed('exc.s', ms), or .replace(release=AxonalDelay(ms)).",
        "name": "A synapse has its name from the circuit: Circuit(nodes={name: ...}).",
        "p_release_mean": "Use .replace(release=StochasticRelease(p)).",
        "weight_mask": "It is called mask here.",
    },
)
_PRIORS = {
    "gaussian": ("gaussian", "l2", "ridge"),
    "laplacian": ("laplacian", "l1", "lasso"),
    "elastic_net": ("elastic_net", "l1l2"),
    "constant": ("constant",),
}
_COEFFICIENTS = {"c0": 0.0, "c1_pre": 0.0, "c1_post": 0.0, "c2_corr": 1.0}


def hebbian(
    draft: Draft,
    *,
    eta: Any = 0.0,
    w_bound: Any = 1.0,
    is_nonnegative: bool = False,
    prior: Any = None,
    w_decay: Any = 0.0,
    sign_value: Any = 1.0,
    optim_type: Any = "sgd",
    pre_wght: Any = 1.0,
    post_wght: Any = 1.0,
) -> Draft:
    """
    - `eta`: learning rate; by default 0: nothing is learned;
    - `w_bound`: weights stay within this magnitude, and the nearer they are to it, the less they change (not 0: None
      for no bound);
    - `is_nonnegative`: whether weights stay at 0 or above;
    - `prior`: a penalty, ``(kind, strength)`` with the kinds of `Prior` or their other names ("l2", "ridge", "l1",
      "lasso", "l1l2"), and ``(strength, l1_ratio)`` for that of an elastic net;
    - `w_decay`: strength of an l2 prior, another way to say it;
    - `sign_value`: a factor on what is learned: 1 is Hebbian, -1 anti-Hebbian, which descends where ``post`` is an
      error;
    - `optim_type`: "sgd", or "adam", "nag" or another optimiser of optax;
    - `pre_wght`, `post_wght`: factors on pre- and post-synaptic values;
    """
    high = number("w_bound", w_bound, above=0.0, off=True)
    sgd = isinstance(optim_type, str) and optim_type == "sgd"
    rate = number("eta", eta) if sgd else 1.0
    bound = None if high is None else MagnitudeBound(high)
    rule: Any = Hebbian(product(eta=rate, sign_value=sign_value), pre_wght, post_wght, bound=bound)
    kind, strength, ratio = _prior(prior, w_decay)
    if kind != "constant":
        rule = Prior(rule, kind, rate * strength, ratio)
    if not sgd:
        rule = Optimised(rule, optim_type, number("eta", eta))
    low = 0.0 if is_nonnegative else None if high is None else -high
    return clipped(draft.over(lambda _: rule), low, high)


def low_rank_hebbian(draft: Draft, *, eta: Any = 0.01) -> Draft:
    """
    - `eta`: learning rate;
    """
    return draft.over(lambda _: Hebbian(eta))


def trace_stdp(
    draft: Draft,
    A_plus: Any,
    A_minus: Any,
    *,
    eta: Any = 1.0,
    mu: Any = None,
    pretrace_target: Any = 0.0,
    w_bound: Any = 1.0,
) -> Draft:
    """
    - `A_plus`, `A_minus`: potentiation and depression per pair of spikes;
    - `eta`: a factor on both;
    - `mu`: exponent of the room that is left up to `w_bound` and down to 0, which changes are multiplied with (not 0:
      None for no such factor);
    - `pretrace_target`: pre-synaptic trace below which a post-synaptic spike depresses;
    """
    high = number("w_bound", w_bound, above=0.0, off=True)
    if mu is not None and high is None:
        raise CircuitError("mu is an exponent of the room below w_bound, which is None: give both or none.")
    bound = None if mu is None else SoftBound(0.0, high, mu)
    up, down = product(eta=eta, A_plus=A_plus), product(eta=eta, A_minus=A_minus)
    return draft.over(lambda _: TraceSTDP(a_plus=up, a_minus=down, x_tar=pretrace_target, bound=bound, **draft.traces))


def exp_stdp(
    draft: Draft,
    A_plus: Any,
    A_minus: Any,
    exp_beta: Any,
    *,
    eta: Any = 1.0,
    pretrace_target: Any = 0.0,
    w_bound: Any = 1.0,
) -> Draft:
    """
    - `A_plus`, `A_minus`: potentiation and depression per pair of spikes at a weight of 0;
    - `exp_beta`: how fast the steps shrink with the weight;
    - `eta`: a factor on both;
    - `pretrace_target`: pre-synaptic trace that a post-synaptic spike draws towards;
    """
    if w_bound is None:
        raise CircuitError("w_bound must be a number: it is in the equation of the rule.")
    up, down = product(eta=eta, A_plus=A_plus), product(eta=eta, A_minus=A_minus)
    return draft.over(
        lambda _: ExpSTDP(a_plus=up, a_minus=down, beta=exp_beta, x_tar=pretrace_target, w_max=w_bound, **draft.traces)
    )


def pair_stdp(
    draft: Draft, A_plus: Any, A_minus: Any, *, tau_plus: Any = 10.0, tau_minus: Any = 10.0, eta: Any = 1.0
) -> Draft:
    """
    - `A_plus`, `A_minus`: potentiation and depression by the nearest spike on the other side;
    - `tau_plus`, `tau_minus`: time constants of the two sides of the window [ms];
    - `eta`: a factor on both;
    """
    up, down = product(eta=eta, A_plus=A_plus), product(eta=eta, A_minus=A_minus)
    return draft.over(lambda _: TraceSTDP(a_plus=up, a_minus=down, tau_pre=tau_plus, tau_post=tau_minus, trace="set"))


def event_stdp(
    draft: Draft,
    eta: Any,
    *,
    lmbda: Any = 0.01,
    A_plus: Any = 1.0,
    A_minus: Any = 1.0,
    presyn_win_len: Any = 2.0,
    w_bound: Any = 1.0,
) -> Draft:
    """
    - `eta`: learning rate;
    - `lmbda`: forgetting;
    - `A_plus`, `A_minus`: factors of potentiation and depression;
    - `presyn_win_len`: how old a pre-synaptic spike may be [ms]; 0: of this step;
    """
    if w_bound is None:
        raise CircuitError("w_bound must be a number: it is in the equation of the rule.")
    up, down = product(eta=eta, A_plus=A_plus), product(eta=eta, A_minus=A_minus)
    return draft.over(lambda _: EventSTDP(up, down, lmbda, presyn_win_len, w_bound))


def gerstner_hebbian(
    draft: Draft, *, eta: Any = 0.01, coeffs: Mapping[str, Any] | None = None, sign_value: Any = 1.0
) -> Draft:
    """
    - `eta`: learning rate;
    - `coeffs`: coefficients of the expansion, a mapping with any of c0, c1_pre, c1_post and c2_corr; what is not in it
      is that of Hebb's rule, 0 but for c2_corr, which is 1;
    - `sign_value`: a factor on what is learned;
    """
    if coeffs is not None and not isinstance(coeffs, Mapping):
        raise CircuitError(f"coeffs must be a mapping such as {{'c0': -0.1, 'c2_corr': 1.0}}, got {coeffs!r}.")
    for given in coeffs or {}:
        if given not in _COEFFICIENTS:
            raise CircuitError(f"coeffs has no coefficient {given!r}. {near(str(given), _COEFFICIENTS)}")
    c = {**_COEFFICIENTS, **(coeffs or {})}
    rate = product(eta=eta, sign_value=sign_value)
    return draft.over(lambda _: GerstnerHebbian(rate, c["c0"], c["c1_pre"], c["c1_post"], c["c2_corr"]))


def bcm(
    draft: Draft, tau_w: Any, tau_theta: Any, *, theta0: Any = 0.1, w_bound: Any = None, w_decay: Any = 0.0
) -> Draft:
    """
    - `tau_w`, `tau_theta`: time constants of the weights and of the threshold [ms];
    - `theta0`: threshold at the start, at least 0;
    - `w_bound`: weights stay within this magnitude, and the nearer they are to it, the less they change (not 0: None
      for no bound);
    - `w_decay`: decay of the weights, with the time constant ``tau_w / w_decay``;
    """
    high = number("w_bound", w_bound, above=0.0, off=True)
    bound = None if high is None else MagnitudeBound(high)
    rule: Any = BCM(tau_w, tau_theta, theta0, scaled="theta", bound=bound)
    if number("w_decay", w_decay):
        rule = Decayed(rule, number("tau_w", tau_w) / w_decay)
    return clipped(draft.over(lambda _: rule), None if high is None else -high, high)


def reward_modulated(draft: Draft, *, tau_elg: Any = None, elg_decay: Any = 1.0) -> Draft:
    """
    - `tau_elg`: time constant of the eligibility trace [ms] (not 0: None for no trace, which is M-STDP);
    - `elg_decay`: a factor on the trace for each ms, beside its time constant;
    """
    if number("tau_elg", tau_elg, above=0.0, off=True) is None:
        if elg_decay != 1.0:
            raise CircuitError("elg_decay is that of the eligibility trace, and there is none: tau_elg is None.")
        return draft.over(Modulated)
    if not 0.0 < number("elg_decay", elg_decay) <= 1.0:
        raise CircuitError(f"elg_decay must be above 0 and at most 1, got {elg_decay!r}.")
    tau = 1.0 / (1.0 / tau_elg - math.log(elg_decay))
    return draft.over(lambda rule: Eligibility(rule, tau=tau, eta=1.0 / tau_elg))


def fading(draft: Draft, *, tau_w: Any = None, w_decay: Any = 0.0) -> Draft:
    """
    - `tau_w`: time constant with which the weights decay [ms] (not 0: None for no decay);
    - `w_decay`: share of the weights that is lost in each step, whatever its length;
    """
    if number("w_decay", w_decay):
        draft = draft.over(lambda rule: Prior(rule, "gaussian", w_decay))
    if tau_w is not None:
        draft = draft.over(lambda rule: Decayed(rule, tau_w))
    return draft


def up_to_bound(draft: Draft, *, w_bound: Any = 1.0) -> Draft:
    """
    - `w_bound`: weights stay between 0 and this (not 0: None for no bounds);
    """
    high = number("w_bound", w_bound, above=0.0, off=True)
    return draft if high is None else clipped(draft, 0.0, high)


def with_feedback(draft: Draft, *, backward: bool = False) -> Draft:
    """
    - `backward`: whether values on ``feedback`` come back through the same weights, on ``back``.
    """
    return draft._replace(fields={"backward": backward})


def _prior(prior: Any, w_decay: Any) -> tuple[Any, Any, Any]:
    """Kind, strength and share of l1 of what ngc-learn says in one tuple."""
    decay = number("w_decay", w_decay)
    if prior is None:
        return ("gaussian", decay, 0.5) if decay else ("constant", 0.0, 0.5)
    named = {other: kind for kind, others in _PRIORS.items() for other in others}
    pair = tuple(prior) if isinstance(prior, (list, tuple)) else ()
    if len(pair) != 2 or not isinstance(pair[0], str | None):
        raise CircuitError(f"prior must be a pair (kind, strength) such as ('l2', 0.001), got {prior!r}.")
    if decay:
        raise CircuitError("prior and w_decay both penalise the weights: give one of them.")
    name, strength = "constant" if pair[0] is None else pair[0], pair[1]
    if name not in named:
        raise CircuitError(f"prior has no kind {name!r}. {near(name, named)}")
    ratio: Any = 0.5
    if named[name] == "elastic_net":
        if not isinstance(strength, (list, tuple)) or len(strength) != 2:
            raise CircuitError(f"prior {name!r} needs (strength, l1_ratio), such as (0.001, 0.5), got {strength!r}.")
        strength, ratio = strength
    return named[name], number("the strength of prior", strength), ratio
