"""A plan as files: lock, requirements, Dockerfile, README, compose, bake (DESIGN section 8).

In: a ``Plan``. Out: bytes by relative path, and a folder that holds them whole or not at all. May
import ``model``, ``errors``, ``resources`` and ``facts`` (names of system packages, of GPUs).
"""
