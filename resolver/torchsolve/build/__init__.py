"""Engines that turn files into an image."""
