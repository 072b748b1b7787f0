"""The broken layers hold examples that are meant to fail."""

collect_ignore = ["layers.py"]
