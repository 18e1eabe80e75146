"""What Python cannot say: the bits of a number, and pointers of a C function."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import extending, types

intrinsic: Any = extending.intrinsic
CHUNK = 256  # rows that one loop of a block goes over


@intrinsic  # type: ignore[untyped-decorator]
def bits_of(typing_context: Any, x: Any) -> Any:  # noqa: ARG001
    """Return the 64 bits of a double as an integer."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.bitcast(arguments[0], ir.IntType(64))

    return (types.int64(types.float64), build) if x == types.float64 else None


@intrinsic  # type: ignore[untyped-decorator]
def double_of(typing_context: Any, bits: Any) -> Any:  # noqa: ARG001
    """Return the double with these 64 bits."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.bitcast(arguments[0], ir.DoubleType())

    return (types.float64(types.int64), build) if isinstance(bits, types.Integer) else None


@intrinsic  # type: ignore[untyped-decorator]
def is_null(typing_context: Any, pointer: Any) -> Any:  # noqa: ARG001
    """Return whether a pointer is null."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.icmp_unsigned("==", arguments[0], arguments[0].type(None))

    return (types.boolean(pointer), build) if isinstance(pointer, types.CPointer) else None


@intrinsic  # type: ignore[untyped-decorator]
def advanced(typing_context: Any, pointer: Any, count: Any) -> Any:  # noqa: ARG001
    """Return ``pointer + count``."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.gep(arguments[0], [arguments[1]])

    fits = isinstance(pointer, types.CPointer) and count == types.int64
    return (pointer(pointer, count), build) if fits else None


@intrinsic  # type: ignore[untyped-decorator]
def weights_at(typing_context: Any, pointer: Any, count: Any) -> Any:  # noqa: ARG001
    """Return ``pointer + count``, or where the pointer is null a pointer to `CHUNK` ones."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        given, begin = arguments
        element = context.get_data_type(pointer.dtype)
        kind = ir.ArrayType(element, CHUNK)
        ones = ir.GlobalVariable(builder.module, kind, name=builder.module.get_unique_name("ones"))
        ones.linkage, ones.global_constant = "internal", True
        ones.initializer = ir.Constant(kind, [ir.Constant(element, 1.0)] * CHUNK)
        null = builder.icmp_unsigned("==", given, given.type(None))
        return builder.select(null, builder.bitcast(ones, given.type), builder.gep(given, [begin]))

    fits = isinstance(pointer, types.CPointer) and count == types.int64
    return (pointer(pointer, count), build) if fits else None


@intrinsic  # type: ignore[untyped-decorator]
def call_loss(typing_context: Any, address: Any, y: Any, weight: Any, eta: Any, sums: Any) -> Any:  # noqa: ARG001
    """Call the C function of a loss on arrays of doubles: eta becomes weight times gradient, sums are added to."""
    vectors = (y, weight, eta, sums)
    if address != types.int64 or not all(isinstance(v, types.Array) and v.dtype == types.float64 for v in vectors):
        return None

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args[1:]
        arrays = [context.make_array(kind)(context, builder, v) for kind, v in zip(kinds, arguments[1:], strict=True)]
        count, pointer = ir.IntType(64), ir.DoubleType().as_pointer()
        function = ir.FunctionType(ir.VoidType(), [count, *[pointer] * 5])
        target = builder.inttoptr(arguments[0], function.as_pointer())
        rows = builder.extract_value(arrays[0].shape, 0)
        some_y, some_weight, some_eta, totals = (array.data for array in arrays)
        builder.call(target, [rows, some_y, some_weight, some_eta, pointer(None), totals])
        return context.get_dummy_value()

    return types.void(address, y, weight, eta, sums), build


_BITS, _FLOAT = ir.IntType(32), ir.FloatType()
_ONE32, _ROOT32, _MANTISSA32 = 0x3F800000, 0x3F3504F3, 0x7FFFFF  # 1, sqrt(1/2)


def _single(formula: Any) -> Any:
    """Make an intrinsic of a float by a formula in the builder of LLVM, which gets the 32 bits."""

    def typed(typing_context: Any, x: Any) -> Any:  # noqa: ARG001
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
            return formula(builder, builder.bitcast(arguments[0], _BITS))

        return (types.float32(types.float32), build) if x == types.float32 else None

    return intrinsic(typed)


def _shifted(builder: Any, bits: Any) -> Any:
    return builder.add(bits, ir.Constant(_BITS, _ONE32 - _ROOT32))


def _exponent(builder: Any, bits: Any) -> Any:
    return builder.lshr(_shifted(builder, bits), ir.Constant(_BITS, 23))


def _power(builder: Any, exponent: Any) -> Any:
    return builder.bitcast(builder.shl(exponent, ir.Constant(_BITS, 23)), _FLOAT)


def _fraction(builder: Any, bits: Any) -> Any:
    kept = builder.and_(_shifted(builder, bits), ir.Constant(_BITS, _MANTISSA32))
    return builder.bitcast(builder.add(kept, ir.Constant(_BITS, _ROOT32)), _FLOAT)


def _scale_back(builder: Any, bits: Any) -> Any:
    return _power(builder, builder.sub(ir.Constant(_BITS, 254), _exponent(builder, bits)))


#: 2^n, where the lowest bits of the argument are n + 127.
power_of_two = _single(_power)
#: k + 127 and m of x = 2^k m, sqrt(1/2) <= m < sqrt(2); and 2^-k.
exponent_of = _single(lambda builder, bits: builder.sitofp(_exponent(builder, bits), _FLOAT))
fraction_of = _single(_fraction)
scale_back = _single(_scale_back)
