"""bouton's conformance tests on the cell; tests of its equation belong beside them."""

import bouton
from bouton.testing import ComponentTests, Full
from bouton_template import TemplateCell


class TestTemplateCell(ComponentTests):
    component = TemplateCell(n_units=3)


def test_synapses_excite_it():
    # Every unit gets 2 * 6 mV per step, and 12 mV (1 - exp(-t / 20 ms)) reaches the threshold of 10 mV after 35.8 ms.
    circuit = bouton.Circuit(
        nodes={"syn": bouton.Synapse(Full(2, 3), weights=6.0), "cell": TemplateCell(n_units=3)},
        wires={"cell.j": "syn.current"},
    )
    run = bouton.simulate(circuit, 60.0, inputs={"syn.pre": [1.0, 1.0]}, record={"cell.s": 1})
    assert run.spikes("cell").time.values.tolist() == [36.0, 36.0, 36.0]
