"""Tests live beside `src`, never in it: the template of `bouton new-plugin` is tested as an installed plugin."""

collect_ignore = ["src"]
