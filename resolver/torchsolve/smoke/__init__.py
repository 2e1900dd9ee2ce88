"""Probes that run in an image, and what their answers mean."""
