"""What stands in for the real world where a container engine runs: bases, ComfyUI, a node."""
