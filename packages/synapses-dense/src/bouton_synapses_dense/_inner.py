"""What holds for a transmission made of others: they are transmissions, and all of one unit, which is its own."""

from __future__ import annotations

from bouton import CircuitError, Transmission


def unit_of_inner(outer: Transmission, *names: str) -> str:
    """The unit of the transmissions in the fields `names`; `CircuitError` where they are none, or of several units."""
    kind = type(outer).__name__
    for name in names:
        if not isinstance(value := getattr(outer, name), Transmission):
            raise CircuitError(f"{kind}.{name} must be a transmission such as Exponential(tau=5.0), got {value!r}.")
    units = {name: getattr(outer, name).unit for name in names}
    if len(set(units.values())) > 1:
        listed = " and ".join(f"{name} [{unit}]" for name, unit in units.items())
        raise CircuitError(f"{kind} adds {listed}: the units differ. Give each the same unit=.")
    unit = units[names[0]]
    if outer.unit not in ("1", unit):
        raise CircuitError(
            f"{kind} [{outer.unit}] is made of {names[0]} [{unit}]: the units differ. Give unit= to that."
        )
    return unit
