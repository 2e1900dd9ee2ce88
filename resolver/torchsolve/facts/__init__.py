"""Typed tables over the rows of ``matrices/``: compatibility facts, each with its source.

In: the TOML files. Out: frozen values. May import ``model``, ``errors`` and ``resources``.
A table is parsed and validated when it is first touched, so that a run pays for what it uses.
"""

from torchsolve.facts.load import Facts, load_facts

facts = load_facts()

__all__ = ["Facts", "facts", "load_facts"]
