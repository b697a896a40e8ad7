"""How steps are compiled."""

from __future__ import annotations

COMPILER_OPTIONS = {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}
"""For `jax.jit` around a loop over steps, as `simulate` uses them: ``jax.jit(f, compiler_options=COMPILER_OPTIONS)``.

A step consists of many small operations. By default XLA hands independent ones to several threads of the CPU, which
takes longer than the operations themselves: networks of a few thousand cells run at half the speed. With these options
one operation follows the other (a large one may still use all threads). They mean nothing on other platforms.
"""
