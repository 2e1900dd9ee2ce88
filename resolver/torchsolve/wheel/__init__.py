"""Wheel bytes and wheel names, read into Evidence."""
