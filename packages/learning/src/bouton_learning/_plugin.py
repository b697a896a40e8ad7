"""What this package registers. Imported whenever plugins are listed, so it imports nothing heavy."""

import bouton

NAMES = {"rule": {"TraceSTDP": "bouton_learning.trace_stdp:TraceSTDP"}}


@bouton.hookimpl
def bouton_register():
    return NAMES
