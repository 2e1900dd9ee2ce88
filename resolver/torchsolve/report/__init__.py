"""Outcomes become text, JSON and Markdown."""
