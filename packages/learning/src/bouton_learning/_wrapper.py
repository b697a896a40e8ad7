"""What wrappers around a rule share."""

from __future__ import annotations

from typing import Any

from bouton import CircuitError, Plasticity, Ports, Topology, Weights, part


class Wrapper(Plasticity):
    """Changes what a rule, or another wrapper, says. The compartments of the rule keep their names."""

    rule: Plasticity

    class Late(Ports):
        rule: Any = part(flat=True)

    class State(Ports):
        rule: Any = part(flat=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rule(self, Plasticity)

    def init(self, topology: Topology, weights: Weights, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        return self.State(rule=self.rule.init(topology, weights, key=key, dt=dt, batch=batch))

    def rebase(self, s: Any, steps: int) -> Any:
        return s.replace(rule=self.rule.rebase(s.rule, steps))


def check_rule(wrapper: Any, kind: type[Plasticity]) -> None:
    """Raise `CircuitError` unless what is wrapped is of this kind."""
    if not isinstance(wrapper.rule, kind):
        what = "a rule" if kind is Plasticity else "a rule that is made of terms"
        raise CircuitError(f"{type(wrapper).__name__}.rule must be {what} such as TraceSTDP(), got {wrapper.rule!r}.")
