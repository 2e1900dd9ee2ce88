"""Outcomes in, text and JSON out: nothing here prints, reads or decides.

Every function takes a value of ``model/`` and returns a ``Screen`` (text) or plain JSON types.
May import ``model``, ``errors`` and ``facts``; ``cli/`` alone puts the result on a terminal.
"""
