"""Demos: whole programs that use nothing but the public API. `bouton demo NAME` runs one."""
