"""Research notes, a blog text or a README → claims, and claims held against the source.

In: a text, and the facts of projects and a plan. Out: ``Checked``. Nothing that a text says is
followed or fetched.
"""
