"""What this package registers. Imported whenever plugins are listed, so it imports nothing heavy."""

import bouton

NAMES = {
    "component": {
        "GaussianPolicy": "bouton_learning.gaussian_policy:GaussianPolicy",
    },
    "recipe": {
        "BCMSynapse": "bouton_learning.recipes:BCMSynapse",
        "Conv2dRSTDP": "bouton_learning.recipes:Conv2dRSTDP",
        "Conv2dSTDP": "bouton_learning.recipes:Conv2dSTDP",
        "EventSTDPSynapse": "bouton_learning.recipes:EventSTDPSynapse",
        "ExpSTDPSynapse": "bouton_learning.recipes:ExpSTDPSynapse",
        "GerstnerHebbianSynapse": "bouton_learning.recipes:GerstnerHebbianSynapse",
        "HebbianConvSynapse": "bouton_learning.recipes:HebbianConvSynapse",
        "HebbianDeconvSynapse": "bouton_learning.recipes:HebbianDeconvSynapse",
        "HebbianPatchedSynapse": "bouton_learning.recipes:HebbianPatchedSynapse",
        "HebbianSynapse": "bouton_learning.recipes:HebbianSynapse",
        "Local2dRSTDP": "bouton_learning.recipes:Local2dRSTDP",
        "Local2dSTDP": "bouton_learning.recipes:Local2dSTDP",
        "MPSSynapse": "bouton_learning.recipes:MPSSynapse",
        "MSTDPETSynapse": "bouton_learning.recipes:MSTDPETSynapse",
        "One2OneRSTDP": "bouton_learning.recipes:One2OneRSTDP",
        "One2OneSTDP": "bouton_learning.recipes:One2OneSTDP",
        "One2OneiSTDP": "bouton_learning.recipes:One2OneiSTDP",
        "REINFORCESynapse": "bouton_learning.reinforce:REINFORCESynapse",
        "STDPSynapse": "bouton_learning.recipes:STDPSynapse",
        "SimpleRSTDP": "bouton_learning.recipes:SimpleRSTDP",
        "SimpleSTDP": "bouton_learning.recipes:SimpleSTDP",
        "SimpleiSTDP": "bouton_learning.recipes:SimpleiSTDP",
        "SparseRSTDP": "bouton_learning.recipes:SparseRSTDP",
        "SparseSTDP": "bouton_learning.recipes:SparseSTDP",
        "SparseiSTDP": "bouton_learning.recipes:SparseiSTDP",
        "TraceSTDPConvSynapse": "bouton_learning.recipes:TraceSTDPConvSynapse",
        "TraceSTDPDeconvSynapse": "bouton_learning.recipes:TraceSTDPDeconvSynapse",
        "TraceSTDPSynapse": "bouton_learning.recipes:TraceSTDPSynapse",
    },
    "rule": {
        "Hebbian": "bouton_learning.hebbian:Hebbian",
        "TraceSTDP": "bouton_learning.trace_stdp:TraceSTDP",
        "ExpSTDP": "bouton_learning.exp_stdp:ExpSTDP",
        "EventSTDP": "bouton_learning.event_stdp:EventSTDP",
        "TripletSTDP": "bouton_learning.triplet_stdp:TripletSTDP",
        "InhibitorySTDP": "bouton_learning.inhibitory_stdp:InhibitorySTDP",
        "VoltageInhibitorySTDP": "bouton_learning.voltage_inhibitory_stdp:VoltageInhibitorySTDP",
        "GerstnerHebbian": "bouton_learning.gerstner_hebbian:GerstnerHebbian",
        "BCM": "bouton_learning.bcm:BCM",
        "Oja": "bouton_learning.oja:Oja",
        "Modulated": "bouton_learning.modulated:Modulated",
        "Eligibility": "bouton_learning.eligibility:Eligibility",
        "Scheduled": "bouton_learning.scheduled:Scheduled",
        "Optimised": "bouton_learning.optimised:Optimised",
        "Decayed": "bouton_learning.decayed:Decayed",
        "Prior": "bouton_learning.prior:Prior",
        "Averaged": "bouton_learning.averaged:Averaged",
    },
    "bound": {
        "SoftBound": "bouton_learning.bounds:SoftBound",
        "HardBound": "bouton_learning.bounds:HardBound",
        "MagnitudeBound": "bouton_learning.bounds:MagnitudeBound",
        "Bounds": "bouton_learning.bounds:Bounds",
    },
}


@bouton.hookimpl
def bouton_register():
    return NAMES
