"""REINFORCESynapse: act, then learn from the reward."""

from __future__ import annotations

from typing import Any, Literal

from bouton import Circuit, CircuitError, Clip, Param, Synapse, Uniform, recipe

from ._making import sibling
from ._ngc_learn import NGC_LEARN
from ._steps import number
from .eligibility import Eligibility
from .gaussian_policy import GaussianPolicy
from .hebbian import Hebbian
from .modulated import Modulated

_ELSEWHERE = {
    **NGC_LEARN.elsewhere,
    "act_fx": "Inputs are as they are wired: bouton_cells.RateCell has functions of them.",
    "decay": "Its gradients do not reach the weights there. A trace of the scores is tau_elg, in ms.",
    "learning_mask": "Learning is switched by the run: simulate(..., learn=False).",
    "seed": "Actions are drawn from the seed of the run: simulate(..., seed=...).",
}


@recipe(_ELSEWHERE)
def REINFORCESynapse(
    shape: tuple[int, int],
    *,
    eta: float = 1e-4,
    weight_init: Any = Uniform(0.025, 0.8),  # noqa: B008 - a value that never changes
    bias_init: Param | None = None,
    resist_scale: Param = 1.0,
    p_conn: float = 1.0,
    w_bound: float | None = 1.0,
    mu_act_fx: Literal["identity", "sigmoid", "tanh"] = "identity",
    mu_out_min: Param | None = None,
    mu_out_max: Param | None = None,
    scalar_stddev: Param | None = None,
    tau_elg: float | None = None,
    tau_baseline: float | None = None,
) -> Circuit:
    r"""A Gaussian policy that learns from reward (Williams, 1992): ngc-learn's ``REINFORCESynapse``.

    .. math:: \Delta w = \eta\,(r - \bar r)\,\frac{\partial \ln p(a)}{\partial w}

    A circuit of the synapses ``mu`` and ``log_std``, two `DenseSynapse` of bouton-synapses-dense, which has to be
    installed, and of the `GaussianPolicy` ``policy``. It acts in a step, and learns at its end, when the reward for
    this very action may have come: it is the input of both synapses that is called ``plasticity.modulator``. There the
    reward is that of the last action and the gradient that of a new one; actions repeat with each reset; and weights
    are clipped to [0, w_bound].

    - `shape`: number of inputs and of actions;
    - `eta`: learning rate, for each ms with a trace. There, a factor of 0.01 hides in it;
    - `weight_init`, `bias_init`, `resist_scale`, `p_conn`: of both synapses, as in `DenseSynapse`;
    - `w_bound`: the largest magnitude of a weight; None for no bound;
    - `mu_act_fx`: from the current of ``mu`` to the mean;
    - `mu_out_min`, `mu_out_max`: limits of the action; None for none;
    - `scalar_stddev`: a standard deviation that is not learned (not -1: None for one that is). Without ``log_std``
      then;
    - `tau_elg`: time constant of a trace of the scores [ms], for rewards that come later (a bias does not learn then);
      None for no trace;
    - `tau_baseline`: time constant of the mean reward that is taken away [ms]; None: nothing is.

    Compartments, by their names in ngc-learn: ``inputs`` is ``mu.pre`` and ``log_std.pre``, ``outputs`` is
    ``policy.a``, ``rewards`` is ``mu.plasticity.modulator`` and ``log_std.plasticity.modulator``, ``weights`` is
    ``mu.w`` and ``log_std.w``. Wire or feed those of both synapses.

    Raises `CircuitError` for what does not fit, where bouton-synapses-dense is missing, and for parameters that have
    another place in bouton.
    """
    package = sibling("bouton_synapses_dense", "REINFORCESynapse")
    try:
        bound = number("w_bound", w_bound, above=0.0, off=True)
        if tau_elg is None:
            rule = Modulated(Hebbian(eta), tau_baseline=tau_baseline)
        else:
            rule = Eligibility(Hebbian(), tau=tau_elg, eta=eta, tau_baseline=tau_baseline)
        made: Synapse = package.DenseSynapse(shape, weight_init, bias_init, resist_scale, p_conn)
        head = made.replace(plasticity=rule, constraints=() if bound is None else (Clip(-bound, bound),))
        policy = GaussianPolicy(shape[1], scalar_stddev, mu_out_min, mu_out_max, mu_act_fx)
        heads = ("mu", "log_std") if policy.learns_std else ("mu",)
        wires = {f"policy.{name}": f"{name}.current" for name in heads}
        wires |= {f"{name}.post": f"policy.score_{name}" for name in heads}
        return Circuit(nodes={**dict.fromkeys(heads, head), "policy": policy}, wires=wires)
    except CircuitError as e:
        raise CircuitError(f"REINFORCESynapse: {e}") from None
