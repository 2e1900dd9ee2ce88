"""From constraints to a plan.

In: ``ProjectFacts``, the tables of ``facts/`` and an ``Index`` (a Protocol, see ``sources``).
Out: ``Resolution`` and ``Matrix`` of ``model/``. May import ``model/``, ``facts/``, ``errors``;
resolvelib lives here alone.

The way through it: ``question`` (the facts asked together) → ``problem`` (packages, options and
edges as bit sets) → ``engine`` (an answer) → ``check`` (the answer held against every edge) →
``plans`` (a ``Plan``). ``cells`` lists what may be asked, ``search`` and ``matrix`` ask it, and
``conflict`` says why a cell has no answer.
"""
