"""One file or package per system: its configuration, methods compared, claims and figures."""
