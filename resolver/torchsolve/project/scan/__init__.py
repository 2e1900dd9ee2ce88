"""What a project's Python source says, read and never run: modules, imports, model loading.

In: a ``Tree``. Out: values of ``model/``. It may import the rest of ``project/`` and what that may.
"""
