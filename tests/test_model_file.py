"""Model files: exact on the way back, sound against damage and malice."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import struct
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcraft import _model_container, model_file
from mlcraft._model_container import FORMAT_VERSION, MAGIC, MAX_HEADER_BYTES
from mlcraft.linear_model import (
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
    SGDClassifier,
    SGDRegressor,
)
from mlcraft.model_file import ModelFileError, TabularModel, load_model, save_model

RNG = np.random.default_rng(7)
X = RNG.normal(size=(60, 4)) * [1.0, 1e3, 1e-3, 1.0] + [0.0, 5.0, 0.0, 1e4]
CALM = (X - X.mean(axis=0)) / X.std(axis=0)
Y = X @ [1.0, 2e-3, 3e3, -0.1] + RNG.normal(size=60)


def models() -> dict[str, tuple[Any, Any]]:
    labels = np.where(np.median(Y) < Y, "high", "low")
    targets = np.column_stack([Y, -Y, Y**2])
    return {
        "ols": (LinearRegression().fit(X, Y), X),
        "ols without intercept": (LinearRegression(fit_intercept=False, tol=1e-3).fit(X, Y), X),
        "ols positive": (LinearRegression(positive=True).fit(X, Y), X),
        "ols float32": (
            LinearRegression().fit(X.astype(np.float32), Y.astype(np.float32)),
            X.astype(np.float32),
        ),
        "ols targets": (LinearRegression().fit(X, targets), X),
        "ridge": (Ridge(alpha=0.1 + 0.2).fit(X, Y), X),
        "ridge alphas": (Ridge(alpha=np.array([0.1, 1.0, 10.0])).fit(X, targets), X),
        "ridge alpha list": (Ridge(alpha=[0.1, 1.0, 10.0]).fit(X, targets), X),
        "ridge numpy alpha": (Ridge(alpha=np.float64(1 / 3), max_iter=7, random_state=3).fit(X, Y), X),
        "ridge lsqr": (Ridge(solver="lsqr").fit(X, Y), X),
        "search by default": (RidgeCV().fit(X, Y), X),
        "search": (RidgeCV(np.logspace(-2, 2, 3), cv=3).fit(X, Y), X),
        "search for each target": (
            RidgeCV([0.1, 1.0], alpha_per_target=True, store_cv_results=True).fit(X, targets),
            X,
        ),
        "classifier with a search": (RidgeClassifierCV([0.1, 1.0], class_weight="balanced").fit(X, labels), X),
        "classifier": (RidgeClassifier().fit(X, labels), X),
        "classifier objects": (RidgeClassifier().fit(X, labels.astype(object)), X),
        "classifier of integers": (
            RidgeClassifier(class_weight={-1: 2.0, 5: 0.5}).fit(X, np.where(Y > 0, 5, -1)),
            X,
        ),
        "classifier of booleans": (RidgeClassifier(class_weight="balanced").fit(X, Y > 0), X),
        "classifier of three": (RidgeClassifier().fit(X, np.digitize(Y, np.quantile(Y, [0.3, 0.6]))), X),
        "logistic": (LogisticRegression(C=np.inf, class_weight="balanced").fit(X, np.sin(50 * Y) > 0), X),
        "logistic of three": (
            LogisticRegression(C=0.3).fit(X, np.digitize(np.sin(50 * Y), [-0.3, 0.3]).astype(str)),
            X,
        ),
        "trained row by row": (SGDClassifier(average=True, random_state=0).fit(CALM, labels), CALM),
        "regression row by row": (
            SGDRegressor(early_stopping=True, random_state=0).fit(CALM.astype(np.float32), CALM[:, 0]),
            CALM.astype(np.float32),
        ),
        "classifier of labels": (
            RidgeClassifier().fit(X, np.column_stack([Y > 0, X[:, 0] > 0]).astype(int)),
            X,
        ),
    }


@pytest.mark.parametrize("name", list(models()))
def test_the_way_back_is_exact(name: str, tmp_path: Path) -> None:
    model, x = models()[name]
    path = tmp_path / "model.mlc"
    save_model(path, model)
    again = load_model(path)
    assert type(again) is type(model)
    assert repr(again) == repr(model)
    assert again.n_features_in_ == model.n_features_in_
    assert again.coef_.dtype == model.coef_.dtype
    assert again.coef_.flags.f_contiguous == model.coef_.flags.f_contiguous
    assert np.asarray(again.intercept_).dtype == np.asarray(model.intercept_).dtype
    assert type(again.intercept_) is type(model.intercept_)
    np.testing.assert_array_equal(again.coef_, model.coef_)
    for rows in (x, x[:1], x[:7]):
        before, after = model.predict(rows), again.predict(rows)
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, before)
    if hasattr(model, "classes_"):
        np.testing.assert_array_equal(again.decision_function(x), model.decision_function(x))
        assert again.classes_.dtype == model.classes_.dtype
        np.testing.assert_array_equal(again.classes_, model.classes_)
    for key, value in model.get_params().items():
        np.testing.assert_array_equal(again.get_params()[key], value)
        assert type(again.get_params()[key]) is type(value)


@pytest.mark.parametrize("name", ["logistic", "logistic of three"])
def test_inference_survives(name: str, tmp_path: Path) -> None:
    model, x = models()[name]
    model = model.set_params(C=np.inf, class_weight=None).fit(x, model.predict(x[::-1]))
    save_model(tmp_path / "model.mlc", model)
    again = load_model(tmp_path / "model.mlc")
    assert str(again.summary()) == str(model.summary())
    np.testing.assert_array_equal(again.conf_int().lower, model.conf_int().lower)


def test_column_names_survive(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b", "köln", ""])
    model = LinearRegression().fit(frame, Y)
    save_model(tmp_path / "m.mlc", model)
    again = load_model(tmp_path / "m.mlc")
    assert again.feature_names_in_.tolist() == ["a", "b", "köln", ""]
    assert again.feature_names_in_.dtype == object
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
    with pytest.raises(ValueError, match="feature names"):
        again.predict(frame.rename(columns={"a": "z"}))


def test_every_double_survives(tmp_path: Path) -> None:
    bits = RNG.integers(0, 2**63, size=5000, dtype=np.uint64)
    values = bits.view(np.float64)
    values = np.concatenate([values[np.isfinite(values)], [5e-324, -0.0, 1.7976931348623157e308, 0.1]])
    model = LinearRegression()
    model.coef_, model.intercept_, model.n_features_in_ = values, 5e-324, len(values)
    save_model(tmp_path / "m.mlc", model)
    again = load_model(tmp_path / "m.mlc")
    assert again.coef_.tobytes() == values.tobytes()
    assert again.intercept_ == 5e-324


def test_a_table_model_carries_json(tmp_path: Path) -> None:
    encoder = {"columns": ["a", "ß", "\u2028"], "fill": [0.1, 1e-300, 2**53 + 1], "deep": {"x": [None, True]}}
    save_model(tmp_path / "m.mlc", TabularModel(LinearRegression().fit(X, Y), encoder, {"r2": 1 / 3}))
    again = load_model(tmp_path / "m.mlc")
    assert isinstance(again, TabularModel)
    assert again.encoder == encoder
    assert again.info == {"r2": 1 / 3}


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_model(tmp_path / name, Ridge().fit(X, Y))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("name", ["ridge alphas", "classifier"])
def test_one_flipped_bit_anywhere_is_noticed(name: str, tmp_path: Path) -> None:
    save_model(tmp_path / "m.mlc", models()[name][0])
    sound = (tmp_path / "m.mlc").read_bytes()
    for position in range(len(sound)):
        broken = bytearray(sound)
        broken[position] ^= 1 << (position % 8)
        (tmp_path / "m.mlc").write_bytes(broken)
        with pytest.raises(ModelFileError):
            load_model(tmp_path / "m.mlc")


def test_a_shortened_or_lengthened_file_is_noticed(tmp_path: Path) -> None:
    save_model(tmp_path / "m.mlc", Ridge().fit(X, Y))
    sound = (tmp_path / "m.mlc").read_bytes()
    for content in [sound[:length] for length in range(len(sound))] + [sound + b"\0", sound + sound]:
        (tmp_path / "m.mlc").write_bytes(content)
        with pytest.raises(ModelFileError, match=r"m\.mlc"):
            load_model(tmp_path / "m.mlc")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04\x95", b"a,b\n1,2\n" * 100])
def test_other_files_are_not_model_files(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.mlc").write_bytes(content)
    with pytest.raises(ModelFileError, match="is not an mlcraft model file"):
        load_model(tmp_path / "m.mlc")


def test_a_file_sent_as_text_is_damaged(tmp_path: Path) -> None:
    save_model(tmp_path / "m.mlc", Ridge().fit(X, Y))
    (tmp_path / "m.mlc").write_bytes((tmp_path / "m.mlc").read_bytes().replace(b"\r\n", b"\n"))
    with pytest.raises(ModelFileError, match="damaged model file"):
        load_model(tmp_path / "m.mlc")


def test_a_newer_format_says_so(tmp_path: Path) -> None:
    save_model(tmp_path / "m.mlc", Ridge().fit(X, Y))
    content = bytearray((tmp_path / "m.mlc").read_bytes())
    content[8:12] = struct.pack("<I", FORMAT_VERSION + 1)
    (tmp_path / "m.mlc").write_bytes(content)
    with pytest.raises(ModelFileError, match=r"newer mlcraft \(format 2, this one reads 1\); upgrade"):
        load_model(tmp_path / "m.mlc")


# --- files made to do harm: the checksum is right, the content is not -----------------------------


def forge(path: Path, header: bytes, payload: bytes = b"", *, version: int = 1, length: int | None = None) -> None:
    content = struct.pack("<8sIQ", MAGIC, version, len(header) if length is None else length) + header + payload
    path.write_bytes(content + hashlib.sha256(content).digest())


def sound_header() -> dict[str, Any]:
    return {
        "written_by": "somebody",
        "estimator": {
            "class": "Ridge",
            "params": {"alpha": 1.0},
            "attributes": {"coef_": {"array": 0}, "intercept_": 0.5, "n_features_in_": 2},
        },
        "arrays": [{"dtype": "<f8", "shape": [2], "order": "C"}],
    }


PAYLOAD = np.array([1.0, 2.0]).tobytes()


def test_the_forger_can_forge(tmp_path: Path) -> None:
    forge(tmp_path / "m.mlc", json.dumps(sound_header()).encode(), PAYLOAD)
    assert load_model(tmp_path / "m.mlc").predict(np.array([[1.0, 1.0]])).tolist() == [3.5]


@pytest.mark.parametrize(
    ("header", "payload", "options"),
    [
        (b"", b"", {}),
        (b"[]", b"", {}),
        (b"null", b"", {}),
        (b"\xff\xfe", b"", {}),
        (b'{"arrays": [], "arrays": []}', b"", {}),
        (b'{"arrays": [], "x": NaN}', b"", {}),
        (b'{"arrays": [], "x": Infinity}', b"", {}),
        (b"[" * 200_000, b"", {}),
        (b'{"a":' * 100_000, b"", {}),
        (b"9" * 100_000, b"", {}),
        (b"{}", b"", {"length": 2**63}),
        (b"{}", b"", {"length": 3}),
        (b"{}", b"", {"length": MAX_HEADER_BYTES + 1}),
        (b"{}", b"", {"version": 0}),
    ],
)
def test_a_hostile_header_is_refused(header: bytes, payload: bytes, options: dict[str, int], tmp_path: Path) -> None:
    forge(tmp_path / "m.mlc", header, payload, **options)
    with pytest.raises(ModelFileError, match="is not a sound model file"):
        load_model(tmp_path / "m.mlc")


def change(header: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    place: Any = header
    for key in parents:
        place = place[int(key)] if isinstance(place, list) else place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("arrays.0.dtype", "|O"),
        ("arrays.0.dtype", "O"),
        ("arrays.0.dtype", "<f16"),
        ("arrays.0.dtype", "<c16"),
        ("arrays.0.dtype", "<U2"),
        ("arrays.0.dtype", "f8,f8"),
        ("arrays.0.dtype", ["<f8"]),
        ("arrays.0.dtype", [["a", "<f8"]]),
        ("arrays.0.dtype", "<f4"),
        ("arrays.0.dtype", "<M8[ns]"),
        ("arrays.0.order", "K"),
        ("arrays.0.shape", [3]),
        ("arrays.0.shape", [1]),
        ("arrays.0.shape", [-2]),
        ("arrays.0.shape", [2.0]),
        ("arrays.0.shape", [True, 2]),
        ("arrays.0.shape", [2**62, 4]),
        ("arrays.0.shape", [2**40, 2**40]),
        ("arrays.0.shape", [0, 2**47]),
        ("arrays.0.shape", [1, 1, 2]),
        ("arrays.0.shape", "2"),
        ("arrays.0.extra", 1),
        ("arrays", {}),
        ("arrays", ...),
        ("arrays", [{"dtype": "<f8", "shape": [0], "order": "C"}] * 1000),
        ("estimator", "Ridge"),
        ("estimator", ...),
        ("estimator.class", "Lasso"),
        ("estimator.class", "os.system"),
        ("estimator.class", "__class__"),
        ("estimator.class", "ridge_regression"),
        ("estimator.class", ["Ridge"]),
        ("estimator.params", []),
        ("estimator.params.__class__", 1),
        ("estimator.params.fit", "x"),
        ("estimator.params.alpha", {"evil": 1}),
        ("estimator.params.alpha", {"pairs": [[{"list": []}, 1]]}),
        ("estimator.params.alpha", {"pairs": [[{"tuple": [{"list": []}]}, 1]]}),
        ("estimator.params.alpha", {"array": 1}),
        ("estimator.params.alpha", {"array": -1}),
        ("estimator.params.alpha", {"array": 0, "scalar": 0}),
        ("estimator.params.alpha", {"scalar": 0}),
        ("estimator.params.alpha", {"float": "nan"}),
        ("estimator.params.alpha", {"texts": [2**40, "a"]}),
        ("estimator.params.alpha", {"texts": [1, "long"]}),
        ("estimator.params.alpha", {"texts": [0, 1]}),
        ("estimator.attributes.predict", "x"),
        ("estimator.attributes.__dict__", {"list": []}),
        ("estimator.attributes.coef_", ...),
        ("estimator.attributes.coef_", 1.0),
        ("estimator.attributes.coef_", {"list": [1.0, 2.0]}),
        ("estimator.attributes.n_features_in_", 3),
        ("estimator.attributes.n_features_in_", 2.0),
        ("estimator.attributes.n_features_in_", ...),
        ("estimator.attributes.intercept_", None),
        ("estimator.attributes.intercept_", "0.5"),
        ("estimator.attributes.intercept_", {"float": "inf"}),
        ("estimator.attributes.intercept_", {"array": 0}),
        ("estimator.attributes.feature_names_in_", {"texts": [0, "a"]}),
        ("encoder", [1]),
        ("encoder", None),
    ],
)
def test_a_hostile_description_is_refused(path: str, value: Any, tmp_path: Path) -> None:
    header = sound_header()
    change(header, path, value)
    forge(tmp_path / "m.mlc", json.dumps(header).encode(), PAYLOAD)
    with pytest.raises(ModelFileError, match="is not a sound model file"):
        load_model(tmp_path / "m.mlc")


@pytest.mark.parametrize("payload", [b"", PAYLOAD[:-1], PAYLOAD + bytes(8), np.array([1.0, np.nan]).tobytes()])
def test_a_hostile_payload_is_refused(payload: bytes, tmp_path: Path) -> None:
    forge(tmp_path / "m.mlc", json.dumps(sound_header()).encode(), payload)
    with pytest.raises(ModelFileError, match="is not a sound model file"):
        load_model(tmp_path / "m.mlc")


@pytest.mark.parametrize(
    ("classes", "label_type"),
    [
        (None, "binary"),
        ({"texts": [1, "a", "b"]}, "eval"),
        ({"texts": [1, "a", "b", "c"]}, "multiclass"),
        ({"texts": [1]}, "binary"),
        ({"array": 0}, None),
    ],
)
def test_hostile_classes_are_refused(classes: Any, label_type: Any, tmp_path: Path) -> None:
    header = sound_header()
    header["estimator"] |= {"class": "RidgeClassifier", "label_type": label_type}
    header["estimator"]["attributes"]["classes_"] = classes
    forge(tmp_path / "m.mlc", json.dumps(header).encode(), PAYLOAD)
    with pytest.raises(ModelFileError, match="classes"):
        load_model(tmp_path / "m.mlc")


@pytest.mark.parametrize("classes", [None, {"texts": [1, "a", "b", "c"]}, {"texts": [1]}, "ab"])
def test_hostile_classes_of_logistic_regression_are_refused(classes: Any, tmp_path: Path) -> None:
    header = sound_header()
    del header["estimator"]["params"]["alpha"]
    header["estimator"] |= {"class": "LogisticRegression"}
    header["estimator"]["attributes"]["classes_"] = classes
    forge(tmp_path / "m.mlc", json.dumps(header).encode(), PAYLOAD)
    with pytest.raises(ModelFileError, match=r"classes are missing|classes do not fit"):
        load_model(tmp_path / "m.mlc")


@pytest.mark.parametrize("depth", [100, 900, 100_000])
def test_deep_nesting_is_refused_or_read_but_never_a_crash(depth: int, tmp_path: Path) -> None:
    header = json.dumps(sound_header()).replace('"alpha": 1.0', '"alpha": ' + '{"list":[' * depth + "]}" * depth)
    forge(tmp_path / "m.mlc", header.encode(), PAYLOAD)
    # how deep is too deep is for the interpreter to say
    refused = pytest.raises(ModelFileError, match="is not a sound model file")
    with {100: nullcontext(), 900: suppress(ModelFileError), 100_000: refused}[depth]:
        load_model(tmp_path / "m.mlc")


def test_booleans_other_than_zero_and_one_are_refused(tmp_path: Path) -> None:
    header = sound_header()
    header["arrays"].append({"dtype": "|b1", "shape": [2], "order": "C"})
    forge(tmp_path / "m.mlc", json.dumps(header).encode(), PAYLOAD + b"\1\2" + bytes(6))
    with pytest.raises(ModelFileError, match="true and false"):
        load_model(tmp_path / "m.mlc")


def test_loading_never_unpickles_or_evaluates() -> None:
    for module in (model_file, _model_container):
        source = Path(module.__file__).read_text()
        for word in ("pickle", "eval(", "exec(", "import_module", "__import__"):
            assert word not in source


# --- what cannot be saved, and files that cannot be written ---------------------------------------


class Sub(Ridge):  # type: ignore[misc]
    pass


def test_only_fitted_models_of_mlcraft_are_saved(tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression as Reference

    for model, message in [
        (Ridge(), "not fitted"),
        (Sub().fit(X, Y), "cannot store a Sub"),
        (Reference().fit(X, Y), "cannot store a LinearRegression"),
        ({"coef_": X}, "cannot store a dict"),
        (TabularModel(Ridge(), {}), "not fitted"),
        (Ridge(random_state=np.random.RandomState(0)).fit(X, Y), "random_state is a RandomState"),
        (TabularModel(Ridge().fit(X, Y), {"x": float("nan")}), "not plain data"),
        (TabularModel(Ridge().fit(X, Y), {"x": object()}), "not plain data"),
        (TabularModel(Ridge().fit(X, Y), {"x": b"bytes"}), "not plain data"),
    ]:
        with pytest.raises(ModelFileError, match=message):
            save_model(tmp_path / "m.mlc", model)
    spoilt = Ridge().fit(X, Y)
    spoilt.coef_ = np.array([1.0, np.nan, 2.0, 3.0])
    with pytest.raises(ModelFileError, match="coef_ holds NaN"):
        save_model(tmp_path / "m.mlc", spoilt)
    assert os.listdir(tmp_path) == []


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.mlc"
    save_model(path, Ridge(alpha=1.0).fit(X, Y))

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        save_model(path, Ridge(alpha=2.0).fit(X, Y))
    assert os.listdir(tmp_path) == ["m.mlc"]
    assert load_model(path).alpha == 1.0


def test_saving_follows_links_and_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    save_model(tmp_path / "real" / "m.mlc", Ridge().fit(X, Y))
    (tmp_path / "link.mlc").symlink_to(tmp_path / "real" / "m.mlc")
    save_model(tmp_path / "link.mlc", LinearRegression().fit(X, Y))
    assert (tmp_path / "link.mlc").is_symlink()
    assert isinstance(load_model(tmp_path / "real" / "m.mlc"), LinearRegression)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "real" / "m.mlc").stat().st_mode) == 0o666 & ~umask


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none.mlc")
    with pytest.raises(FileNotFoundError):
        save_model(tmp_path / "no" / "m.mlc", Ridge().fit(X, Y))
    with pytest.raises(OSError, match="not a regular file"):
        save_model(tmp_path, Ridge().fit(X, Y))
    with pytest.raises(ModelFileError, match="is not an mlcraft model file"):
        load_model(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ModelFileError, match="is not an mlcraft model file"):
            load_model(tmp_path / "pipe")
