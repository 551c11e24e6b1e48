"""Benchmarks: contestants side by side in one run, medians and ratios, on embedded servers with fsync on."""
