"""Losses, penalties and metrics of your own, and readable twins of the C++ kernels, in Python compiled by Numba.

``import mlcraft`` does not import this package, so Numba is loaded only by whoever asks for it.

========================  =====================================================================
`loss`                    a loss written in Python, for every solver of the C++ engine
`penalty`                 the same for a separable penalty and its prox
`metric`                  the same for the mean of a function of target and prediction
`exp`, `log1p`, ...       functions without branches, for fast losses
`weighted_gram`           ``(X - shift)' diag(w) (X - shift)``
`moments`                 weights, means and centred second moments of ``X`` and ``y``
`fused_residual`          value and gradient of the squared loss in one read of ``X``
`first_order`             gd, nesterov, adam, sgd for every scalar loss with an L2 penalty
`gradient_descent`        plain and accelerated gradient descent, least squares with an L2 penalty
========================  =====================================================================

The twins exist to be read, to be stepped through (``NUMBA_DISABLE_JIT=1`` runs them as plain Python; the loops of
`first_order` are plain Python anyway, and its losses are compiled always), and to be compared with the C++ engine in
tests. All of them take float32 or float64 arrays of any memory order without copying
the design matrix, sum over samples in double precision, and give the same bits for any number of threads
(``numba.set_num_threads``).
"""

from ._errors import UserFunctionError
from ._first_order import FirstOrderResult, first_order
from ._functions import exp, expit, expm1, log, log1p, softplus, sqrt, tanh
from ._fused import fused_residual
from ._gradient_descent import DescentResult, gradient_descent
from ._gram import weighted_gram
from ._loss import UserLoss, loss
from ._metric import UserMetric, metric
from ._moments import moments
from ._penalty import UserPenalty, penalty

__all__ = [
    "DescentResult",
    "FirstOrderResult",
    "UserFunctionError",
    "UserLoss",
    "UserMetric",
    "UserPenalty",
    "exp",
    "expit",
    "expm1",
    "first_order",
    "fused_residual",
    "gradient_descent",
    "log",
    "log1p",
    "loss",
    "metric",
    "moments",
    "penalty",
    "softplus",
    "sqrt",
    "tanh",
    "weighted_gram",
]
