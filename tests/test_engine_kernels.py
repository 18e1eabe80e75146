"""The plain kernels at a point (value, gradient, Hessian), Gram matrices, linear predictors, against slow twins."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from reference import multinomial
from registry import STORAGES, values
from scipy import sparse
from test_engine_losses import EPSILON, case, twin
from test_engine_smooth_losses import own
from threadpoolctl import threadpool_limits

from mlcraft._engine.kernels import bordered_gram, curvature, linear_predictor, slope
from mlcraft._engine.losses import LOSSES, NON_SMOOTH

DTYPES = ["float64", "float32"]
CLASSES = 3
TOLERANCE = {"float64": 1e-12, "float32": 3e-5}


def problem(loss, dtype="float64", n=203, p=5):
    rng = np.random.default_rng(n + p)
    X = np.where(rng.random((n, p)) < 0.7, rng.standard_normal((n, p)), 0).astype(dtype)
    y = rng.integers(0, CLASSES, n).astype(dtype) if loss == "multinomial" else case(loss, np.dtype(dtype).type, n)[0]
    weight, offset = rng.uniform(0, 2, n).astype(dtype), rng.standard_normal(n).astype(dtype)
    coef = 0.3 * rng.standard_normal((CLASSES, p + 1) if loss == "multinomial" else p + 1)
    return X, y, weight, None if loss == "multinomial" else offset, coef


def slow(X, y, coef, loss, weight, offset, with_intercept):
    """Value, gradient and Hessian, the last by a loop over the rows; everything in double."""
    X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    Z = np.column_stack([X, np.ones(len(X))]) if with_intercept else X
    share = np.ones(len(X)) if weight is None else np.asarray(weight, dtype=float)
    share = share / share.sum()
    if loss == "multinomial":
        eta = coef @ Z.T
        gradient = (share * multinomial.gradient(y, eta)) @ Z
        blocks = share * multinomial.hessian(y, eta)
        hess = np.einsum("kln,ni,nj->kilj", blocks, Z, Z).reshape(coef.size, coef.size)
        return share @ multinomial.value(y, eta), gradient, hess
    eta = Z @ coef + (0 if offset is None else offset.astype(float))
    value, gradient, hessian = twin(loss)
    hess = None if hessian is None else Z.T @ ((share * hessian(y, eta, EPSILON))[:, None] * Z)
    return share @ value(y, eta, EPSILON), Z.T @ (share * gradient(y, eta, EPSILON)), hess


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_value_gradient_and_hessian(loss, dtype, storage):
    X, y, weight, offset, coef = problem(loss, dtype)
    tolerance = TOLERANCE[dtype]
    for given, with_intercept in (({}, True), ({"weight": weight, "offset": offset}, False)):
        terms = {"weight": None, "offset": None} | given
        at = coef if with_intercept else coef[..., :-1]
        if dtype == "float32":
            at = at.astype(dtype)  # as the kernels round it
        expected = slow(X, y, at.astype(float), loss, **terms, with_intercept=with_intercept)
        args = (STORAGES[storage](X), y, at, loss, EPSILON, terms["weight"], terms["offset"], with_intercept)
        value, gradient = slope(*args)
        assert value == pytest.approx(expected[0], rel=tolerance)
        assert gradient.dtype == np.float64
        assert_allclose(gradient, expected[1], atol=tolerance)
        if loss in NON_SMOOTH:
            with pytest.raises(ValueError, match="not smooth"):
                curvature(*args)
        else:
            found = curvature(*args)
            assert_allclose(found, expected[2], atol=tolerance)
            assert_array_equal(found, found.T)


@pytest.mark.parametrize("loss", [name for name in LOSSES if name not in NON_SMOOTH])
def test_derivatives_by_differences(loss):
    X, y, weight, offset, coef = problem(loss, n=40, p=3)
    args = (loss, EPSILON, weight, offset, True)
    _, gradient = slope(X, y, coef, *args)
    found, step = curvature(X, y, coef, *args), 1e-6
    for k in range(coef.size):
        move = step * (np.arange(coef.size) == k).reshape(coef.shape)
        (above, slope_above), (below, slope_below) = slope(X, y, coef + move, *args), slope(X, y, coef - move, *args)
        assert (above - below) / (2 * step) == pytest.approx(gradient.ravel()[k], abs=1e-8)
        assert_allclose((slope_above - slope_below).ravel() / (2 * step), found[k], atol=1e-7)


def test_an_own_loss():
    X, y, weight, offset, coef = problem("huber")
    for theirs in (own("huber", EPSILON), own("huber", EPSILON, has_hessian=False)):
        args = (weight, offset, True)
        mine, built_in = (slope(X, y, coef, loss, EPSILON, *args) for loss in (theirs, "huber"))
        assert mine[0] == pytest.approx(built_in[0], rel=1e-13)
        assert_allclose(mine[1], built_in[1], atol=1e-14)
        mine, built_in = (curvature(X, y, coef, loss, EPSILON, *args) for loss in (theirs, "huber"))
        assert_allclose(mine, built_in, atol=1e-7)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (29, 7), (600, 3), (5, 40), (0, 3)])
def test_gram(shape, dtype, storage):
    """Exact on whole numbers."""
    X = values(shape, np.dtype(dtype))
    weight = np.arange(shape[0], dtype=dtype) % 4
    for w in (None, weight):
        Z = np.column_stack([X, np.ones(shape[0])]).astype(float)
        expected = Z.T @ Z if w is None else (Z * w[:, None]).T @ Z
        assert_array_equal(bordered_gram(STORAGES[storage](X), w, True), expected)
        assert_array_equal(bordered_gram(STORAGES[storage](X), w, False), expected[:-1, :-1])


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_linear_predictor(dtype, storage):
    X = values((29, 7), np.dtype(dtype))
    coef, offset = values((3, 8), np.dtype(dtype), seed=1), values((29, 1), np.dtype(dtype), seed=2)
    design = STORAGES[storage](X)
    eta = linear_predictor(design, coef, True, None)
    assert eta.dtype == dtype
    assert_array_equal(eta, X @ coef[:, :7].T + coef[:, 7])
    assert_array_equal(linear_predictor(design, coef[:, :7], False, offset), X @ coef[:, :7].T + offset)
    assert_array_equal(
        linear_predictor(design, coef[0], True, offset[:, 0]), X @ coef[0, :7] + coef[0, 7] + offset[:, 0]
    )
    coef[1, 2] = np.inf
    with np.errstate(invalid="ignore"):
        assert_array_equal(linear_predictor(design, coef[1, :7], False, None), design @ coef[1, :7])


@pytest.mark.parametrize("loss", ["poisson", "multinomial"])
def test_the_same_bits_for_any_number_of_threads(loss):
    X, y, weight, offset, coef = problem(loss, n=60_000, p=6)
    for design in (X, sparse.csr_array(X)):
        found = []
        for threads in (1, 2, 3):
            with threadpool_limits(threads):
                args = (design, y, coef, loss, 0.0, weight, offset, True)
                found.append((*slope(*args), curvature(*args)))
        for others in found[1:]:
            for one, other in zip(found[0], others, strict=True):
                assert_array_equal(one, other)


def test_refusals():
    X, y, _, offset, coef = problem("squared")
    with pytest.raises(ValueError, match="no loss named 'cubed'"):
        slope(X, y, coef, "cubed", 0.0, None, None, True)
    with pytest.raises(ValueError, match="a number for each column"):
        slope(X, y, coef[1:], "squared", 0.0, None, None, True)
    with pytest.raises(ValueError, match="no offset for the multinomial"):
        slope(X, y, np.zeros((3, 6)), "multinomial", 0.0, None, offset, True)
    with pytest.raises(ValueError, match="one row for a scalar loss"):
        slope(X, y, np.zeros((3, 6)), "squared", 0.0, None, None, True)
    with pytest.raises(ValueError, match="as many elements as X has rows"):
        slope(X, y[1:], coef, "squared", 0.0, None, None, True)
    assert np.isnan(slope(X, y, coef, "squared", 0.0, np.zeros(len(y)), None, True)[0])
    value, gradient = slope(np.where(X[3, 1] == X, np.nan, X), y, coef, "squared", 0.0, None, None, True)
    assert np.isnan(value)
    assert np.isnan(gradient[1])
