"""What wrappers around a rule share."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from bouton import CircuitError, Plasticity, Ports, Tick, Topology, Weights, part

Reduce: TypeAlias = Literal["mean", "sum"] | None


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

    def change(
        self,
        s: Any,
        topology: Topology,
        weights: Weights,
        pre: Any,
        post: Any,
        x: Any,
        tick: Tick,
        reduce: Reduce = "mean",
    ) -> tuple[Any, Weights]:
        inner, said = self.rule.change(s.rule, topology, weights, pre, post, x.rule, tick, self.asked(reduce))
        return self.made(s.replace(rule=inner), topology, weights, said, x, tick, reduce)

    def asked(self, reduce: Reduce) -> Reduce:
        """How the samples of a batch are brought together in what the rule is asked for."""
        return reduce

    def made(
        self, s: Any, topology: Topology, weights: Weights, said: Weights, x: Any, tick: Tick, reduce: Reduce
    ) -> tuple[Any, Weights]:
        """``(state, change)``: what the wrapper makes of what the rule has said."""
        raise NotImplementedError(f"{type(self).__name__} does not define made(...).")

    def rebase(self, s: Any, steps: int) -> Any:
        return s.replace(rule=self.rule.rebase(s.rule, steps))


def check_rule(wrapper: Any, kind: type[Plasticity]) -> None:
    """Raise `CircuitError` unless what is wrapped is of this kind."""
    if not isinstance(wrapper.rule, kind):
        what = "a rule" if kind is Plasticity else "a rule that is made of terms"
        raise CircuitError(f"{type(wrapper).__name__}.rule must be {what} such as TraceSTDP(), got {wrapper.rule!r}.")
