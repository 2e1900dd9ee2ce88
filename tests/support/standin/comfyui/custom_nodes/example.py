"""A node that ComfyUI itself brings."""


class Example:
    """Does nothing."""


NODE_CLASS_MAPPINGS = {"StandinExample": Example}
