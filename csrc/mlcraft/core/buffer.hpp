// Scratch memory on cache-line borders.
#pragma once

#include <cstdlib>
#include <new>

#include "mlcraft/core/types.hpp"

namespace mlcraft {

template <class T>
struct AlignedBuffer {
    explicit AlignedBuffer(Index size) {
        const std::size_t bytes = static_cast<std::size_t>(size) * sizeof(T);
        data = static_cast<T*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
        if (data == nullptr) throw std::bad_alloc();
    }
    ~AlignedBuffer() { std::free(data); }
    AlignedBuffer(const AlignedBuffer&) = delete;
    AlignedBuffer& operator=(const AlignedBuffer&) = delete;

    T* data;
};

}  // namespace mlcraft
