// The few LAPACK routines that the library borrows. The Python module fills the table with SciPy's own functions
// (capsules of scipy.linalg.cython_lapack); a C++ program that wants them fills it itself.
#pragma once

namespace mlcraft {

struct Lapack {
    void (*geqrf)(int* m, int* n, double* a, int* lda, double* tau, double* work, int* lwork, int* info) = nullptr;
    void (*geqp3)(int* m, int* n, double* a, int* lda, int* jpvt, double* tau, double* work, int* lwork,
                  int* info) = nullptr;
    void (*ormqr)(char* side, char* trans, int* m, int* n, int* k, double* a, int* lda, double* tau, double* c,
                  int* ldc, double* work, int* lwork, int* info) = nullptr;
    void (*trtrs)(char* uplo, char* trans, char* diag, int* n, int* nrhs, double* a, int* lda, double* b, int* ldb,
                  int* info) = nullptr;
    void (*syevd)(char* jobz, char* uplo, int* n, double* a, int* lda, double* w, double* work, int* lwork, int* iwork,
                  int* liwork, int* info) = nullptr;
};

inline Lapack& lapack() {
    static Lapack table;
    return table;
}

}  // namespace mlcraft
