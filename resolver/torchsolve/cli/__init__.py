"""Commands: flags in, text or JSON and an exit code out. The only room that prints or exits.

A command reads its flags, calls ``pipeline`` or one room, and hands the outcome to ``report``.
Rooms are imported inside the commands, so that ``--version`` and ``--help`` stay quick.
"""
