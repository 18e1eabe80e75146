"""Objective gap against time and against passes: solvers and libraries on real problems.

``python -m benchmarks.convergence``; see ``docs/bench.md``. Problems (`problems`), libraries (`libraries`, one file
each), the run (`run`) and the report (`report`, `figures`) know one another by plain data only.
"""
