"""The synapses of ngc-learn and CoNeX that learn, by their names there: a topology's recipe, a rule, defaults."""

from __future__ import annotations

from ._bases import (
    CONV,
    CONV_2D,
    DECONV,
    DENSE,
    LOCAL_2D,
    MPS,
    ONE_TO_ONE,
    PATCHED,
    SIMPLE,
    SPARSE,
)
from ._conex import CONEX, inhibitory_stdp, rewarded, stdp
from ._making import learning_recipe
from ._ngc_learn import (
    NGC_LEARN,
    bcm,
    event_stdp,
    exp_stdp,
    fading,
    gerstner_hebbian,
    hebbian,
    low_rank_hebbian,
    pair_stdp,
    reward_modulated,
    trace_stdp,
    up_to_bound,
    with_feedback,
)
from ._steps import traces

# ---- ngc-learn ----------------------------------------------------------------------------------------------------

_DENSE = {"inputs": "pre", "outputs": "current", "weights": "w", "biases": "b"}
_KERNELS = {"inputs": "pre", "outputs": "current", "weights": "w", "filters": "w", "biases": "b"}
_RATES = {"pre": "pre", "post": "post"}
_SPIKES = {"preSpike": "pre", "postSpike": "post"}
_TRACES = {"preTrace": "plasticity.x_pre", "postTrace": "plasticity.x_post"}
_BACK = {"dInputs": "back"}

_CHANGES = (
    "With ``.replace(changes=True)`` there are ``dWeights``, as ``dw``, and ``dBiases``, as ``db``: by how much they "
    "have changed. Changes are the mean over a batch, there the sum (``simulate(..., batch_reduce='sum')``)."
)
_HEBBIAN = (
    "With ``sign_value=1`` it is Hebbian, as the documentation says there; the code there descends, and is Hebbian "
    "with -1. A prior makes weights smaller whatever the sign; there it makes them grow with one of the two. "
)
_TRACE = (
    "Traces are the rule's own, or come from outside with ``wired=True``. Weights stay from 0 to ``w_bound``, and a "
    "weight outside of this makes no NaN. "
)
_OVER_MAPS = "The change of a weight is the sum over all positions, as there. "

HebbianSynapse = learning_recipe(
    "HebbianSynapse", NGC_LEARN, DENSE, (hebbian, with_feedback),
    f"What is active together grows together, by `Hebbian`\n\n{_HEBBIAN}{_CHANGES}",
    {**_DENSE, **_RATES},
)  # fmt: skip
HebbianPatchedSynapse = learning_recipe(
    "HebbianPatchedSynapse", NGC_LEARN, PATCHED, (hebbian,),
    "Blocks that learn by `Hebbian`\n\nThe structure is fixed: a weight that has become 0 can grow again, which it "
    f"cannot there. {_HEBBIAN}{_CHANGES}",
    {**_DENSE, **_RATES, "post_in": "feedback", "pre_out": "back"},
)  # fmt: skip
HebbianConvSynapse = learning_recipe(
    "HebbianConvSynapse", NGC_LEARN, CONV, (hebbian, with_feedback),
    f"Kernels that learn by `Hebbian`\n\n{_OVER_MAPS}`w_bound` is a soft bound, as the documentation says there; in "
    f"the code there it only clips. {_HEBBIAN}{_CHANGES}",
    {**_KERNELS, **_RATES, **_BACK}, w_bound=None,
)  # fmt: skip
HebbianDeconvSynapse = learning_recipe(
    "HebbianDeconvSynapse", NGC_LEARN, DECONV, (hebbian, with_feedback),
    f"Kernels of a deconvolution that learn by `Hebbian`\n\n{_OVER_MAPS}`w_bound` is a soft bound, as the "
    f"documentation says there; in the code there it only clips. {_HEBBIAN}{_CHANGES}",
    {**_KERNELS, **_RATES, **_BACK}, w_bound=None,
)  # fmt: skip
MPSSynapse = learning_recipe(
    "MPSSynapse", NGC_LEARN, MPS, (low_rank_hebbian, with_feedback),
    "A matrix of limited rank whose two cores learn by `Hebbian`\n\n`weight_init` has the scale of the product's "
    "entries, whatever the rank: the default is that of ngc-learn at a rank of 16. The matrix is "
    "``synapse.topology.to_matrix(w)``. With ``backward=True`` the ``error_signal`` of ``project_backward`` goes to "
    f"``feedback``, and ``back`` has what it returns. {_CHANGES}",
    {"inputs": "pre", "outputs": "current", **_RATES, "core1": "w.core1", "core2": "w.core2"},
)  # fmt: skip
TraceSTDPSynapse = learning_recipe(
    "TraceSTDPSynapse", NGC_LEARN, DENSE, (traces, trace_stdp, up_to_bound, fading, with_feedback),
    f"Spike-timing-dependent plasticity from traces, by `TraceSTDP`\n\n{_TRACE}{_CHANGES}",
    {**_DENSE, **_SPIKES, **_TRACES},
)  # fmt: skip
TraceSTDPConvSynapse = learning_recipe(
    "TraceSTDPConvSynapse", NGC_LEARN, CONV, (traces, trace_stdp, up_to_bound, fading, with_feedback),
    f"Kernels that learn from spike traces, by `TraceSTDP`\n\n{_OVER_MAPS}Padding is no synapse. {_TRACE}There the "
    f"range is clipped to [0.01, w_bound - 0.01]. {_CHANGES}",
    {**_KERNELS, **_SPIKES, **_TRACES, **_BACK}, eta=0.0, w_bound=None,
)  # fmt: skip
TraceSTDPDeconvSynapse = learning_recipe(
    "TraceSTDPDeconvSynapse", NGC_LEARN, DECONV, (traces, trace_stdp, up_to_bound, fading, with_feedback),
    f"Kernels of a deconvolution that learn from spike traces, by `TraceSTDP`\n\n{_OVER_MAPS}Padding is no synapse. "
    f"{_TRACE}There the range is clipped to [0.01, w_bound - 0.01]. {_CHANGES}",
    {**_KERNELS, **_SPIKES, **_TRACES, **_BACK}, eta=0.0, w_bound=None,
)  # fmt: skip
ExpSTDPSynapse = learning_recipe(
    "ExpSTDPSynapse", NGC_LEARN, DENSE, (traces, exp_stdp, up_to_bound, fading, with_feedback),
    f"STDP with steps that depend exponentially on the weight, by `ExpSTDP`\n\n{_TRACE}There the range is clipped to "
    f"[0.01, w_bound - 0.01], and `tau_w` does nothing. {_CHANGES}",
    {**_DENSE, **_SPIKES, **_TRACES},
)  # fmt: skip
STDPSynapse = learning_recipe(
    "STDPSynapse", NGC_LEARN, DENSE, (pair_stdp, up_to_bound, fading, with_feedback),
    "STDP by the times of the last spikes, by `TraceSTDP` with traces that a spike sets to 1\n\nDepression falls off "
    "with the distance of the spikes, which it grows with there; spikes of one step do not pair. Weights stay from 0 "
    f"to ``w_bound``. Any batch. {_CHANGES}",
    {**_DENSE, **_SPIKES, "pre_tols": "plasticity.x_pre", "post_tols": "plasticity.x_post"},
)  # fmt: skip
EventSTDPSynapse = learning_recipe(
    "EventSTDPSynapse", NGC_LEARN, DENSE, (event_stdp, up_to_bound, with_feedback),
    "Post-synaptic spikes strengthen what was recently active, by `EventSTDP`\n\nA spike at t = 0 counts, and weights "
    f"may fall to 0; there they are clipped to [0.01, w_bound]. Any batch. {_CHANGES}",
    {**_DENSE, "postSpike": "post", "pre_tols": "plasticity.age"},
)  # fmt: skip
GerstnerHebbianSynapse = learning_recipe(
    "GerstnerHebbianSynapse", NGC_LEARN, DENSE, (gerstner_hebbian, with_feedback),
    "All Hebbian rules of second order, by `GerstnerHebbian`\n\nFor any shape, there only for square ones, and "
    f"`sign_value` acts. {_CHANGES}",
    {**_DENSE, **_RATES},
)  # fmt: skip
BCMSynapse = learning_recipe(
    "BCMSynapse", NGC_LEARN, DENSE, (bcm, with_feedback),
    "A threshold that slides with the activity, by `BCM` with ``scaled=\"theta\"``\n\nThe threshold starts above 0; "
    "there it starts at -1, which turns learning round until it passes 0, where it is divided by. One threshold for "
    f"each unit. {_CHANGES}",
    {**_DENSE, **_RATES, "theta": "plasticity.theta"},
)  # fmt: skip
MSTDPETSynapse = learning_recipe(
    "MSTDPETSynapse", NGC_LEARN, DENSE,
    (traces, trace_stdp, reward_modulated, up_to_bound, fading, with_feedback),
    "STDP that a reward turns into weight, by `TraceSTDP` in `Eligibility` or, without a trace, in `Modulated`\n\nIt "
    "learns from the first step, there only after a reset, and from what the rule says in this step, there in the last "
    "one. With an eligibility trace the update is that of each ms, so that it is the same at any step. Each sample of "
    f"a batch has a modulator and a trace. {_TRACE}{_CHANGES}",
    {**_DENSE, **_SPIKES, **_TRACES, "modulator": "plasticity.modulator", "eligibility": "plasticity.c"},
)  # fmt: skip

# ---- CoNeX --------------------------------------------------------------------------------------------------------

_CONEX = {"pre_spike": "pre", "post_spike": "post", "I": "current", "weights": "w"}
_DOPAMINE = {**_CONEX, "c": "plasticity.c"}
_STDP = (
    "The traces are states of the rule, ``plasticity.x_pre`` and ``plasticity.x_post``, in place of ``PreTrace`` and "
    "``PostTrace``. Weights stay in their range; there, only a ``WeightClip`` sees to that, and bounds close both "
    "directions at either end. "
)
_ISTDP = (
    "Weights are magnitudes and stay at 0 or above. Both forms have their set point at the rate that is wanted, at any "
    "step; there, ``is_inhibitory=False`` has none. "
)
_REWARD = (
    "The trace and the reward are in ms, there in steps. Dopamine is wired by name, for instance ``bouton_cells."
    "Dopamine`` to ``plasticity.modulator``, and acts for each ms. "
)
_MEAN = "The change of a weight is the mean over its positions, as there (`Averaged`). "

SimpleSTDP = learning_recipe(
    "SimpleSTDP", CONEX, SIMPLE, (traces, stdp),
    f"STDP from all units to all units, by `TraceSTDP`\n\n{_STDP}", _CONEX,
)  # fmt: skip
SparseSTDP = learning_recipe(
    "SparseSTDP", CONEX, SPARSE, (traces, stdp), f"STDP on a list of edges, by `TraceSTDP`\n\n{_STDP}", _CONEX
)
One2OneSTDP = learning_recipe(
    "One2OneSTDP", CONEX, ONE_TO_ONE, (traces, stdp),
    f"STDP from each unit to that of the same index, by `TraceSTDP`\n\n{_STDP}", _CONEX,
)  # fmt: skip
Conv2dSTDP = learning_recipe(
    "Conv2dSTDP", CONEX, CONV_2D, (traces, stdp),
    f"STDP of kernels that all positions share, by `TraceSTDP`\n\n{_MEAN}{_STDP}", _CONEX,
)  # fmt: skip
Local2dSTDP = learning_recipe(
    "Local2dSTDP", CONEX, LOCAL_2D, (traces, stdp),
    "STDP of windows with kernels of their own, by `TraceSTDP`\n\nPotentiation needs a post-synaptic spike; there it "
    f"takes the pre-synaptic one for it. {_STDP}", _CONEX,
)  # fmt: skip
SimpleiSTDP = learning_recipe(
    "SimpleiSTDP", CONEX, SIMPLE, (traces, inhibitory_stdp),
    f"Inhibition from all units to all units that balances excitation, by `InhibitorySTDP`\n\n{_ISTDP}", _CONEX,
)  # fmt: skip
SparseiSTDP = learning_recipe(
    "SparseiSTDP", CONEX, SPARSE, (traces, inhibitory_stdp),
    f"Inhibition on a list of edges that balances excitation, by `InhibitorySTDP`\n\n{_ISTDP}", _CONEX,
)  # fmt: skip
One2OneiSTDP = learning_recipe(
    "One2OneiSTDP", CONEX, ONE_TO_ONE, (traces, inhibitory_stdp),
    f"Inhibition from each unit to that of the same index that balances excitation, by `InhibitorySTDP`\n\n{_ISTDP}",
    _CONEX,
)  # fmt: skip
SimpleRSTDP = learning_recipe(
    "SimpleRSTDP", CONEX, SIMPLE, (traces, stdp, rewarded),
    "STDP from all units to all units that a reward turns into weight, by `TraceSTDP` in `Eligibility`\n\n"
    f"{_REWARD}{_STDP}", _DOPAMINE,
)  # fmt: skip
SparseRSTDP = learning_recipe(
    "SparseRSTDP", CONEX, SPARSE, (traces, stdp, rewarded),
    "STDP on a list of edges that a reward turns into weight, by `TraceSTDP` in `Eligibility`\n\n"
    f"{_REWARD}{_STDP}", _DOPAMINE,
)  # fmt: skip
One2OneRSTDP = learning_recipe(
    "One2OneRSTDP", CONEX, ONE_TO_ONE, (traces, stdp, rewarded),
    "STDP from each unit to that of the same index that a reward turns into weight, by `TraceSTDP` in `Eligibility`"
    f"\n\n{_REWARD}{_STDP}", _DOPAMINE,
)  # fmt: skip
Conv2dRSTDP = learning_recipe(
    "Conv2dRSTDP", CONEX, CONV_2D, (traces, stdp, rewarded),
    "STDP of kernels that all positions share, turned into weight by a reward, by `TraceSTDP` in `Eligibility`\n\n"
    f"{_MEAN}{_REWARD}{_STDP}", _DOPAMINE,
)  # fmt: skip
Local2dRSTDP = learning_recipe(
    "Local2dRSTDP", CONEX, LOCAL_2D, (traces, stdp, rewarded),
    "STDP of windows with kernels of their own, turned into weight by a reward, by `TraceSTDP` in `Eligibility`\n\n"
    f"Potentiation needs a post-synaptic spike; there it takes the pre-synaptic one for it. {_REWARD}{_STDP}",
    _DOPAMINE,
)  # fmt: skip
