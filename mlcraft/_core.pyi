from collections.abc import Sequence
from typing import Any

from numpy import float64, intp
from numpy.typing import ArrayLike, NDArray

__version__: str
build_type: str
compiler: str
simd_level: str
simd_levels: tuple[str, ...]
threading: str

class LeastSquaresOptions:
    alpha: list[float]
    fit_intercept: bool
    max_iter: int
    positive: bool
    tol: float
    def __init__(self) -> None: ...

class LeastSquaresSolution:
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    @property
    def coef(self) -> NDArray[float64]: ...
    @property
    def condition(self) -> float: ...
    @property
    def factor(
        self,
    ) -> tuple[NDArray[float64], NDArray[float64], NDArray[float64], float, float, bool, int, bool] | None: ...
    @property
    def intercept(self) -> NDArray[float64]: ...
    @property
    def iterations(self) -> int: ...
    @property
    def method(self) -> str: ...
    @property
    def moments(self) -> Moments | None: ...
    @property
    def rank(self) -> int: ...
    @property
    def status(self) -> str: ...
    @property
    def sums(self) -> tuple[int, NDArray[float64], NDArray[float64], NDArray[float64], float]: ...

class Moments:
    def __init__(
        self,
        weight_sum: float,
        x_mean: ArrayLike,
        y_mean: ArrayLike,
        xx: ArrayLike,
        xy: ArrayLike,
        yy: ArrayLike,
        *,
        samples: int = 0,
        centred: bool = True,
        x_low: ArrayLike = ...,
        y_low: ArrayLike = ...,
        noise: ArrayLike = ...,
        log_weight: float = 0.0,
        x_error: ArrayLike = ...,
        y_error: ArrayLike = ...,
        y_noise: ArrayLike = ...,
    ) -> None: ...
    def __getstate__(self) -> tuple[Any, ...]: ...
    def __setstate__(self, state: tuple[Any, ...]) -> None: ...
    def add(self, x: Any, y: NDArray[Any], sample_weight: NDArray[Any] | None = None) -> bool: ...
    def copy(self) -> Moments: ...
    def decay(self, factor: float) -> None: ...
    def merge(self, other: Moments) -> None: ...
    def remove(self, part: Moments) -> tuple[str, int, float, float] | None: ...
    def uncentred(self) -> Moments: ...
    @property
    def log_weight(self) -> float: ...
    @property
    def centred(self) -> bool: ...
    @property
    def finite(self) -> bool: ...
    @property
    def samples(self) -> int: ...
    @property
    def weight_sum(self) -> float: ...
    @property
    def x_mean(self) -> NDArray[float64]: ...
    @property
    def xx(self) -> NDArray[float64]: ...
    @property
    def xy(self) -> NDArray[float64]: ...
    @property
    def y_mean(self) -> NDArray[float64]: ...
    @property
    def yy(self) -> NDArray[float64]: ...

class Matrix:
    def __init__(self, x: Any, centre: ArrayLike | None = None, scale: ArrayLike | None = None) -> None: ...
    def column(self, j: int, a: float, r: ArrayLike) -> tuple[float, float, NDArray[float64]]: ...
    def gram(self, sample_weight: ArrayLike | None = None, begin: int = 0, end: int = -1) -> NDArray[float64]: ...
    def products(
        self, v: ArrayLike, r: ArrayLike, begin: int = 0, end: int = -1
    ) -> tuple[NDArray[float64], NDArray[float64]]: ...
    def read(self, begin: int = 0, end: int = -1) -> NDArray[float64]: ...
    def row(self, i: int, a: float, v: ArrayLike) -> tuple[float, NDArray[float64]]: ...
    def times(self, v: ArrayLike, begin: int = 0, end: int = -1) -> NDArray[float64]: ...
    def transposed_times(self, r: ArrayLike, begin: int = 0, end: int = -1) -> NDArray[float64]: ...

class FirstOrderOptions:
    alpha: float
    average: bool
    batch_size: int
    beta2: float
    classes: int
    coef: list[float]
    fit_intercept: bool
    groups: list[int]
    intercepts: list[float]
    l1_ratio: float
    loss: str
    lower: list[float]
    max_iter: int
    max_time: float
    momentum: float
    parameter: float
    penalty: str
    power: float
    restart: bool
    schedule: str
    seed: int
    smooth: bool
    solver: str
    step: float
    step_rule: str
    tol: float
    trace: bool
    upper: list[float]
    user_loss: tuple[int, int]
    user_penalty: tuple[int, int]
    def __init__(self) -> None: ...

class FirstOrderSolution:
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    @property
    def certificate(self) -> float: ...
    @property
    def coef(self) -> NDArray[float64]: ...
    @property
    def intercepts(self) -> list[float]: ...
    @property
    def iterations(self) -> int: ...
    @property
    def objective(self) -> float: ...
    @property
    def passes(self) -> float: ...
    @property
    def status(self) -> str: ...
    @property
    def trace(self) -> list[list[float]]: ...

class SmoothState:
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

class SmoothMethod:
    __members__: dict[str, SmoothMethod]
    cheapest: SmoothMethod
    lbfgs: SmoothMethod
    newton: SmoothMethod
    newton_cg: SmoothMethod
    def __init__(self, value: int) -> None: ...
    def __index__(self) -> int: ...
    def __int__(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> int: ...

class SmoothOptions:
    method: SmoothMethod
    alpha: float
    classes: int
    coef: list[float]
    fit_intercept: bool
    intercepts: list[float]
    intercept_alpha: float
    keep_state: bool
    loss: str
    max_iter: int
    parameter: float
    state: SmoothState | None
    tol: float
    user_hess: bool
    @property
    def user_loss(self) -> list[int]: ...
    @user_loss.setter
    def user_loss(self, addresses: Sequence[int]) -> None: ...
    def __init__(self) -> None: ...

class SmoothSolution:
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    @property
    def coef(self) -> NDArray[float64]: ...
    @property
    def columns(self) -> list[int]: ...
    @property
    def gradient_norm(self) -> float: ...
    @property
    def grams(self) -> int: ...
    @property
    def intercepts(self) -> list[float]: ...
    @property
    def iterations(self) -> int: ...
    @property
    def method(self) -> str: ...
    @property
    def objective(self) -> float: ...
    @property
    def passes(self) -> int: ...
    @property
    def sample(self) -> int: ...
    @property
    def state(self) -> SmoothState | None: ...
    @property
    def status(self) -> str: ...

def available_threads() -> int: ...
def at_point(
    x: Any,
    rows: tuple[NDArray[Any], NDArray[Any] | None, NDArray[Any] | None],
    point: ArrayLike,
    loss: tuple[str, float, Sequence[int], bool],
    hess: bool = False,
) -> Any: ...
def box_dual(
    x: Any,
    data: tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike | None, ArrayLike | None, ArrayLike | None],
    numbers: tuple[float, float, float],
    plan: tuple[str, int, int],
    callback: Any = ...,
) -> tuple[NDArray[float64], NDArray[float64], float, float, int, str]: ...
def cluster_grams(
    x: Any, sample_weight: NDArray[Any] | None, mean: ArrayLike | None, order: ArrayLike, start: ArrayLike
) -> NDArray[float64]: ...
def cluster_scores(
    x: Any, score: ArrayLike, mean: ArrayLike | None, codes: ArrayLike, clusters: int
) -> NDArray[float64]: ...
def centred_products(
    x: Any, order: NDArray[Any] | None, mean: ArrayLike | None, right: ArrayLike
) -> NDArray[float64]: ...
def fit_first_order(
    x: Any,
    y: NDArray[Any],
    sample_weight: NDArray[Any] | None,
    offset: NDArray[Any] | None,
    options: FirstOrderOptions,
    callback: Any = ...,
) -> FirstOrderSolution: ...
def fit_smooth(
    x: Any,
    y: NDArray[Any],
    sample_weight: NDArray[Any] | None,
    offset: NDArray[Any] | None,
    options: SmoothOptions,
    callback: Any = ...,
) -> SmoothSolution: ...
def logistic_information(
    x: NDArray[Any],
    y: NDArray[Any],
    sample_weight: NDArray[Any] | None,
    coef: ArrayLike,
    intercept: float,
    centre: bool,
) -> tuple[float, float, int, float, NDArray[float64], NDArray[float64]]: ...
def fold_moments(
    x: NDArray[Any],
    y: NDArray[Any],
    sample_weight: NDArray[Any] | None,
    order: ArrayLike,
    starts: list[int],
    centre: bool = True,
) -> list[Moments]: ...
def elementwise(function: str, x: NDArray[Any]) -> NDArray[Any]: ...
def gather_moments(
    x: Any,
    y: NDArray[Any],
    sample_weight: NDArray[Any] | None = None,
    centre: bool = True,
    rows: ArrayLike | None = None,
) -> Moments: ...
def order_bounds(
    base: ArrayLike | None,
    left: ArrayLike,
    right: tuple[ArrayLike | None, ArrayLike | None],
    offset: ArrayLike,
    scale: ArrayLike | None,
    rank: ArrayLike,
) -> NDArray[float64]: ...
def lagged_products(x: Any, score: ArrayLike, mean: ArrayLike | None, kernel: ArrayLike) -> NDArray[float64]: ...
def loss_rows(
    loss: str,
    y: NDArray[Any],
    eta: NDArray[Any],
    sample_weight: NDArray[Any] | None = None,
    parameter: float = 0.0,
    hess: bool = False,
    scalar: bool = False,
    user: Sequence[int] = ...,
) -> tuple[tuple[float, float, float], NDArray[Any], NDArray[Any] | None]: ...
def least_squares(
    x: Any, y: NDArray[Any], sample_weight: NDArray[Any] | None, options: LeastSquaresOptions
) -> LeastSquaresSolution: ...
def leave_one_out(
    x: Any,
    y: NDArray[Any],
    sample_weight: NDArray[Any] | None,
    plan: tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike, float],
    keep: bool = False,
    smallest: float = 1e-6,
) -> tuple[NDArray[float64], list[list[int]], NDArray[float64] | None]: ...
def left_out_moments(parts: list[Moments]) -> list[Moments]: ...
def moments(x: Any, y: NDArray[Any], sample_weight: NDArray[Any] | None = None, centre: bool = True) -> Moments: ...
def predict_linear(x: Any, coef: NDArray[Any], intercept: Any) -> NDArray[Any] | None: ...
def read_bandwidth_probe(x: NDArray[Any]) -> float: ...
def resample_weights(rows: int, plan: tuple[Any, ...], first: int, count: int) -> NDArray[float64]: ...
def resampled_sums(
    x: Any, fit: tuple[Any, ...], plan: tuple[Any, ...], first: int, count: int, wanted: str
) -> tuple[NDArray[float64], NDArray[float64]]: ...
def row_gram(x: Any, root_weight: ArrayLike, mean: ArrayLike) -> NDArray[float64]: ...
def row_influence(x: Any, root: ArrayLike, mean: ArrayLike, coef: ArrayLike, wanted: str) -> tuple[Any, ...]: ...
def score_gram(
    x: Any,
    sample_weight: NDArray[Any] | None,
    mean: ArrayLike | None,
    y: ArrayLike,
    fit: tuple[ArrayLike, ArrayLike, float, float],
    omega: tuple[float, bool],
) -> tuple[NDArray[float64], float, float, int]: ...
def solve_moments(moments: Moments, options: LeastSquaresOptions) -> tuple[LeastSquaresSolution, float]: ...
def train_sgd(
    x: Any,
    arrays: tuple[NDArray[Any], NDArray[Any] | None, NDArray[Any] | None, float],
    states: tuple[NDArray[Any], NDArray[Any] | None, NDArray[float64], bool],
    settings: tuple[tuple[str, str, str], tuple[float, ...], tuple[int, int, int], tuple[bool, ...]],
    functions: tuple[list[Any], Any, bool],
) -> list[tuple[int, float, float, float, str, float, float]]: ...
def whitened_gram(
    x: Any, sample_weight: NDArray[Any] | None, root: ArrayLike, mean: ArrayLike
) -> tuple[NDArray[float64], NDArray[float64], float]: ...
def metric_pass(
    name: str,
    numbers: tuple[ArrayLike | None, ArrayLike | None, ArrayLike | None],
    codes: tuple[ArrayLike | None, ArrayLike | None],
    parameter: float,
) -> NDArray[float64]: ...
def rank_rows(score: ArrayLike, positive: ArrayLike) -> tuple[NDArray[intp], NDArray[intp], int]: ...
def ranking(what: str, ranked: tuple[ArrayLike, ArrayLike, ArrayLike | None]) -> NDArray[float64]: ...
def resampled(
    kind: int,
    ranked: tuple[ArrayLike, ArrayLike, ArrayLike | None] | None,
    columns: ArrayLike | None,
    units: tuple[int, int, ArrayLike | None],
    which: tuple[int, int],
) -> NDArray[float64]: ...
