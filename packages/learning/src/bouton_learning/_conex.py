"""How the synapses of CoNeX learn, step by step."""

from __future__ import annotations

from typing import Any

from bouton import Bound, CircuitError, Param, as_initialiser, parameter, static

from ._making import Draft, Library
from ._steps import clipped, near, number
from .bounds import Bounds, HardBound, SoftBound
from .eligibility import Eligibility
from .inhibitory_stdp import InhibitorySTDP
from .trace_stdp import TraceSTDP

CONEX = Library(
    "CoNeX",
    {
        "density": "Say which pairs are joined: connect=Probability(density), or connect=Total(number of edges).",
        "inhibitory": "Use sign=-1 for what inhibits.",
        "kernel_shape": "The size of the kernel is kernel=(height, width).",
        "spike_scale": "The size of a spike in a trace is in a_plus and a_minus.",
        "tag": "A compartment of a dendrite is an input of the cell: wire the current to it by name.",
        "tau_s": "Each trace has its time constant: tau_pre and tau_post, in ms.",
        "weight_shape": "Weights have the shape that the topology gives them.",
    },
)


class FunctionBound(Bound):
    """One's own function ``f(w, low, high)`` as the factor in both directions. It cannot be written to model files."""

    function: Any = static(doc="f(w, low, high)")
    low: Param = parameter(default=0.0, doc="lowest weight")
    high: Param = parameter(default=1.0, doc="highest weight")

    def grow(self, w: Any) -> Any:
        return self.function(w, self.low, self.high)

    def shrink(self, w: Any) -> Any:
        return self.grow(w)


def stdp(
    draft: Draft,
    a_plus: Any,
    a_minus: Any,
    *,
    w_min: Any = 0.0,
    w_max: Any = 1.0,
    positive_bound: Any = None,
    negative_bound: Any = None,
    two_sided: bool = False,
) -> Draft:
    """
    - `a_plus`, `a_minus`: potentiation and depression per pair of spikes;
    - `w_min`, `w_max`: the weights stay between these;
    - `positive_bound`, `negative_bound`: how potentiation and depression slow down towards the ends of the range:
      "soft_bound" (`SoftBound`), "hard_bound" (`HardBound`), a function ``f(w, w_min, w_max)``, a `bouton.Bound`, or
      "no_bound", which None means, too;
    - `two_sided`: whether "soft_bound" and "hard_bound" look at both ends for both directions, as there: then a weight
      that has reached an end stays;
    """
    range_ = number("w_min", w_min), number("w_max", w_max)
    sides = [
        _bound(name, given, *range_, two_sided)
        for name, given in (("positive_bound", positive_bound), ("negative_bound", negative_bound))
    ]
    bound = sides[0] if sides[0] == sides[1] else Bounds(*sides)
    rule = TraceSTDP(a_plus=a_plus, a_minus=a_minus, bound=bound, **draft.traces)
    return clipped(draft.over(lambda _: rule), *range_)


def inhibitory_stdp(
    draft: Draft, *, rho: Any = None, alpha: Any = None, lr: Any = 1e-5, is_inhibitory: bool = True, sign: Any = None
) -> Draft:
    """
    - `rho`: rate that is wanted [Hz];
    - `alpha`: the target of the trace, ``rho (tau_pre + tau_post)`` with rho in spikes per ms, instead of `rho`: the
      rate that this stands for is held at any step;
    - `lr`: learning rate;
    - `is_inhibitory`: whether the source inhibits: then `sign` is -1 by default, else 1.
    """
    if (rho is None) == (alpha is None):
        raise CircuitError("rho (a rate, in Hz) or alpha (a trace) says what is wanted: give one of them.")
    if not isinstance(is_inhibitory, bool):
        raise CircuitError(f"is_inhibitory must be True or False, got {is_inhibitory!r}.")
    if rho is None:
        taus = [number(name, draft.traces[name], above=0.0) for name in ("tau_pre", "tau_post")]
        rho = 1e3 * number("alpha", alpha) / sum(taus)
    rule = InhibitorySTDP(eta=lr, rho=rho, excitatory=not is_inhibitory, **draft.traces)
    signed = {"sign": sign if sign is not None else -1 if is_inhibitory else 1}
    return clipped(draft._replace(plasticity=rule, arguments=signed), 0.0, None)


def rewarded(draft: Draft, tau_c: Any, *, init_c_mode: Any = 0) -> Draft:
    """
    - `tau_c`: time constant of the eligibility trace [ms];
    - `init_c_mode`: start of that trace: a number, an array like the weights or an initialiser, as for weights;
    """
    start = None if isinstance(init_c_mode, int) and init_c_mode == 0 else as_initialiser(init_c_mode, "init_c_mode")
    return draft.over(lambda rule: Eligibility(rule, tau=tau_c, c0=start))


def _bound(name: str, given: Any, low: Any, high: Any, two_sided: bool) -> Bound | None:
    named = {
        "no_bound": lambda: None,
        "soft_bound": lambda: SoftBound(low, high, two_sided=two_sided),
        "hard_bound": lambda: HardBound(low, high, two_sided=two_sided),
    }
    if given is None or isinstance(given, Bound):
        return given
    if isinstance(given, str):
        if given not in named:
            raise CircuitError(f"{name} has no kind {given!r}. {near(given, named)}")
        return named[given]()
    if not callable(given) or isinstance(given, type):
        raise CircuitError(
            f"{name} must be 'no_bound', 'soft_bound', 'hard_bound', a function f(w, w_min, w_max) or a bound such as "
            f"SoftBound(), got {given!r}."
        )
    return FunctionBound(given, low, high)
