"""What core itself registers, through the same hook as everybody else."""

from __future__ import annotations

from ._hooks import hookimpl

NAMES = {
    "component": {
        "Synapse": "bouton._synapse:Synapse",
        "Delay": "bouton._delay:Delay",
    },
    "transmission": {
        "Instant": "bouton._dynamics:Instant",
    },
    "release": {
        "CurrentNormalised": "bouton._normalised_current:CurrentNormalised",
    },
    "initialiser": {
        "Constant": "bouton._initialisers:Constant",
        "Given": "bouton._initialisers:Given",
        "Uniform": "bouton._initialisers:Uniform",
        "Gaussian": "bouton._initialisers:Gaussian",
        "LogNormal": "bouton._initialisers:LogNormal",
        "FanInUniform": "bouton._initialisers:FanInUniform",
        "FanInGaussian": "bouton._initialisers:FanInGaussian",
        "Eye": "bouton._initialisers:Eye",
        "Hollow": "bouton._initialisers:Hollow",
        "Triangle": "bouton._initialisers:Triangle",
        "Scaled": "bouton._initialisers:Scaled",
        "Bounded": "bouton._initialisers:Bounded",
        "Thinned": "bouton._initialisers:Thinned",
    },
    "constraint": {
        "Clip": "bouton._constraints:Clip",
        "Normalise": "bouton._constraints:Normalise",
        "NormaliseFanOut": "bouton._constraints:NormaliseFanOut",
    },
    "demo": {
        "digits": "bouton.demos.digits:main",
    },
    "schedule": {
        "Steady": "bouton._schedules:Steady",
        "ExponentialDecay": "bouton._schedules:ExponentialDecay",
        "LinearDecay": "bouton._schedules:LinearDecay",
        "InverseDecay": "bouton._schedules:InverseDecay",
    },
    "surrogate": {
        "Arctan": "bouton._surrogates:Arctan",
        "FastSigmoid": "bouton._surrogates:FastSigmoid",
        "Triangular": "bouton._surrogates:Triangular",
        "SecantLIF": "bouton._surrogates:SecantLIF",
        "StraightThrough": "bouton._surrogates:StraightThrough",
    },
    "integrator": {
        "euler": "bouton._integrators:euler",
        "midpoint": "bouton._integrators:midpoint",
        "rk2": "bouton._integrators:midpoint",
        "heun": "bouton._integrators:heun",
        "ralston": "bouton._integrators:ralston",
        "rk4": "bouton._integrators:rk4",
        "exp_euler": "bouton._integrators:exp_euler",
        "exact": "bouton._integrators:exact",
    },
}


@hookimpl
def bouton_register():
    return NAMES
