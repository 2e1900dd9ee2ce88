"""Base images: catalogue and inventory."""
