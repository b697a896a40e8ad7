"""What this package registers. Imported whenever plugins are listed, so it imports nothing heavy."""

import bouton

NAMES = {
    "connectivity": {
        "AllToAll": "bouton_synapses_dense.connectivity:AllToAll",
        "FanIn": "bouton_synapses_dense.connectivity:FanIn",
        "FanOut": "bouton_synapses_dense.connectivity:FanOut",
        "Pairs": "bouton_synapses_dense.connectivity:Pairs",
        "Probability": "bouton_synapses_dense.connectivity:Probability",
        "Total": "bouton_synapses_dense.connectivity:Total",
    },
    "recipe": {
        "AlphaSynapse": "bouton_synapses_dense.recipes:AlphaSynapse",
        "BaseDendriticInput": "bouton_synapses_dense.dendritic_inputs:BaseDendriticInput",
        "DenseSynapse": "bouton_synapses_dense.recipes:DenseSynapse",
        "DoubleExpSynapse": "bouton_synapses_dense.recipes:DoubleExpSynapse",
        "ExponentialSynapse": "bouton_synapses_dense.recipes:ExponentialSynapse",
        "One2OneDendriticInput": "bouton_synapses_dense.dendritic_inputs:One2OneDendriticInput",
        "PatchedSynapse": "bouton_synapses_dense.recipes:PatchedSynapse",
        "STPDenseSynapse": "bouton_synapses_dense.recipes:STPDenseSynapse",
        "SimpleDendriticInput": "bouton_synapses_dense.dendritic_inputs:SimpleDendriticInput",
        "SparseDendriticInput": "bouton_synapses_dense.dendritic_inputs:SparseDendriticInput",
        "StaticPatchedSynapse": "bouton_synapses_dense.recipes:StaticPatchedSynapse",
        "StaticSynapse": "bouton_synapses_dense.recipes:StaticSynapse",
    },
    "topology": {
        "Dense": "bouton_synapses_dense.all_to_all:Dense",
        "MPS": "bouton_synapses_dense.low_rank:MPS",
        "OneToOne": "bouton_synapses_dense.one_to_one:OneToOne",
        "Patched": "bouton_synapses_dense.patched:Patched",
        "Sparse": "bouton_synapses_dense.sparse:Sparse",
    },
    "release": {
        "AxonalDelay": "bouton_synapses_dense.axonal_delay:AxonalDelay",
        "AxonalDelayPerEdge": "bouton_synapses_dense.axonal_delay:AxonalDelayPerEdge",
        "StochasticRelease": "bouton_synapses_dense.stochastic:StochasticRelease",
        "StochasticReleasePerEdge": "bouton_synapses_dense.stochastic:StochasticReleasePerEdge",
        "TsodyksMarkram": "bouton_synapses_dense.short_term:TsodyksMarkram",
        "TsodyksMarkramPerEdge": "bouton_synapses_dense.short_term:TsodyksMarkramPerEdge",
    },
    "transmission": {
        "Alpha": "bouton_synapses_dense.kernels:Alpha",
        "DendriticDelay": "bouton_synapses_dense.dendritic_delay:DendriticDelay",
        "DoubleExponential": "bouton_synapses_dense.kernels:DoubleExponential",
        "Exponential": "bouton_synapses_dense.kernels:Exponential",
        "Receptors": "bouton_synapses_dense.receptors:Receptors",
    },
}


@bouton.hookimpl
def bouton_register():
    return NAMES
