"""What the user points at, read into ProjectFacts: nothing that is read is ever run.

In: a reference (folder, repository, wheel, requirements file, ``pyproject.toml``, sample name).
Out: ``model.project.ProjectFacts``. May import ``model``, ``errors``, ``resources``, ``wheel``.
"""
