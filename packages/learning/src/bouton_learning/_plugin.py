"""What this package registers. Imported whenever plugins are listed, so it imports nothing heavy."""

import bouton

NAMES = {
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
