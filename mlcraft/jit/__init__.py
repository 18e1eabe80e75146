"""Readable twins, in Python compiled by Numba, of the least-squares kernels of the C++ engine.

They exist to be read, to be stepped through (``NUMBA_DISABLE_JIT=1`` runs them as plain Python), and to be
compared with the C++ engine in tests. ``import mlcraft`` does not import this package, so Numba is loaded
only by whoever asks for it.

========================  =====================================================================
`weighted_gram`           ``(X - shift)' diag(w) (X - shift)``
`moments`                 weights, means and centred second moments of ``X`` and ``y``
`fused_residual`          value and gradient of the squared loss in one read of ``X``
`gradient_descent`        plain and accelerated gradient descent, least squares with an L2 penalty
========================  =====================================================================

All of them take float32 or float64 arrays of any memory order without copying the design matrix, sum over
samples in double precision, and give the same bits for any number of threads (``numba.set_num_threads``).
"""

from ._fused import fused_residual
from ._gradient_descent import DescentResult, gradient_descent
from ._gram import weighted_gram
from ._moments import moments

__all__ = ["DescentResult", "fused_residual", "gradient_descent", "moments", "weighted_gram"]
