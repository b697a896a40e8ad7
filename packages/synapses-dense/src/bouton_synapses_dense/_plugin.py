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
