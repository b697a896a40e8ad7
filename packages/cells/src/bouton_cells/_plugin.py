"""What this package registers. Imported whenever plugins are listed, so it imports nothing heavy."""

import bouton

NAMES = {
    "component": {
        "ActivityHomeostasis": "bouton_cells.homeostasis:ActivityHomeostasis",
        "AdExCell": "bouton_cells.adex:AdExCell",
        "BernoulliCell": "bouton_cells.bernoulli:BernoulliCell",
        "BernoulliErrorCell": "bouton_cells.errors:BernoulliErrorCell",
        "Dendrite": "bouton_cells.dendrite:Dendrite",
        "Dopamine": "bouton_cells.modulators:Dopamine",
        "ExponentialKernel": "bouton_cells.exponential_kernel:ExponentialKernel",
        "FitzhughNagumoCell": "bouton_cells.fitzhugh_nagumo:FitzhughNagumoCell",
        "GaussianErrorCell": "bouton_cells.errors:GaussianErrorCell",
        "HodgkinHuxleyCell": "bouton_cells.hodgkin_huxley:HodgkinHuxleyCell",
        "IzhikevichCell": "bouton_cells.izhikevich:IzhikevichCell",
        "LIFCell": "bouton_cells.lif:LIFCell",
        "LaplacianErrorCell": "bouton_cells.errors:LaplacianErrorCell",
        "LatencyCell": "bouton_cells.latency:LatencyCell",
        "LeakyNoiseCell": "bouton_cells.leaky_noise:LeakyNoiseCell",
        "MapWinners": "bouton_cells.map_winners:MapWinners",
        "OrnsteinUhlenbeckCurrent": "bouton_cells.ornstein_uhlenbeck:OrnsteinUhlenbeckCurrent",
        "PhasorCell": "bouton_cells.phasor:PhasorCell",
        "PiecewiseCurrent": "bouton_cells.step_current:PiecewiseCurrent",
        "PoissonCell": "bouton_cells.poisson:PoissonCell",
        "QuadLIFCell": "bouton_cells.quad_lif:QuadLIFCell",
        "RAFCell": "bouton_cells.raf:RAFCell",
        "RampCurrent": "bouton_cells.ramp_current:RampCurrent",
        "RateCell": "bouton_cells.rate:RateCell",
        "RetinalGanglionCell": "bouton_cells.ganglion:RetinalGanglionCell",
        "RewardErrorCell": "bouton_cells.errors:RewardErrorCell",
        "SLIFCell": "bouton_cells.slif:SLIFCell",
        "SineCurrent": "bouton_cells.sine_current:SineCurrent",
        "SpikePlayback": "bouton_cells.playback:SpikePlayback",
        "StepCurrent": "bouton_cells.step_current:StepCurrent",
        "TTFSCell": "bouton_cells.time_to_first_spike:TTFSCell",
        "Trace": "bouton_cells.trace:Trace",
        "VoltageHomeostasis": "bouton_cells.homeostasis:VoltageHomeostasis",
        "WTASCell": "bouton_cells.wtas:WTASCell",
    },
    "recipe": {
        "AELIF": "bouton_cells.exponential_lif:AELIF",
        "AdEx": "bouton_cells.firing_types:AdEx",
        "ELIF": "bouton_cells.exponential_lif:ELIF",
        "IFCell": "bouton_cells.integrate_and_fire:IFCell",
        "Izhikevich": "bouton_cells.firing_types:Izhikevich",
    },
}


@bouton.hookimpl
def bouton_register():
    return NAMES
