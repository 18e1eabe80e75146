"""One file for each library; `benchmarks.convergence.library` says what a file holds and finds them all."""
