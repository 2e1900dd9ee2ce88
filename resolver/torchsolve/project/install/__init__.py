"""Install scripts as values: a bounded evaluation of their source for one target, never a run.

In: the files of a tree and a target. Out: ``Scripted``: pip calls, downloads, clones and commands
with their lines, and what could not be decided.
"""
