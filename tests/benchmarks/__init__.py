"""Speed and memory, side by side with the published client in one run: ``python -m tests.benchmarks --help``.

Figures are ratios of runs that alternate on one machine; nothing here fails on a slow day.
"""
