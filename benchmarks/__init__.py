"""Speed as ratios: ours beside a fair reference and installed peers, measured side by side."""
