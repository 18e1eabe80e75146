// Least squares in C++. Reads rows of numbers, the last number of each row being the target, and prints coefficients:
//
//     c++ -std=c++20 -O3 -march=native -ffp-contract=fast -fopenmp $(python -m mlcraft --includes) fit.cpp -o fit
//     printf '0 1 3.1\n1 0 3.9\n1 1 6.2\n2 1 8.0\n3 5 17.9\n' | ./fit
#include <exception>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "mlcraft/core/threads.hpp"
#include "mlcraft/solver/least_squares.hpp"
#include "mlcraft/sources.hpp"  // the definitions: in one source file of a program

struct Table {
    std::vector<double> numbers;  // row after row
    mlcraft::Index rows = 0;
    mlcraft::Index cols = 0;
};

Table read_table(std::istream& input) {
    Table table;
    for (std::string line; std::getline(input, line);) {
        std::istringstream words(line);
        mlcraft::Index count = 0;
        for (double number; words >> number; ++count) table.numbers.push_back(number);
        if (count == 0) continue;
        if (table.rows++ == 0) table.cols = count;
        if (count != table.cols) throw std::runtime_error("row " + std::to_string(table.rows) + " has another length");
    }
    if (table.cols < 2) throw std::runtime_error("each row needs at least one feature and the target");
    return table;
}

int main() try {
    const Table table = read_table(std::cin);
    const mlcraft::Index features = table.cols - 1;
    // views on the table as it is: features and target share its rows, nothing is copied
    const mlcraft::MatrixView<const double> x{table.numbers.data(), table.rows, features, table.cols, 1};
    const mlcraft::MatrixView<const double> y{table.numbers.data() + features, table.rows, 1, table.cols, 1};
    mlcraft::LeastSquaresOptions options;
    options.threads = mlcraft::available_threads();
    const mlcraft::LeastSquaresSolution fit = mlcraft::solve_dense<double>(x, y, {}, options);

    std::cout << std::setprecision(17) << "status " << mlcraft::status_name(fit.status) << '\n'
              << "rank " << fit.rank << '\n'
              << "intercept " << fit.intercept[0] << '\n';
    for (mlcraft::Index j = 0; j < features; ++j) std::cout << "x" << j + 1 << ' ' << fit.coef[j] << '\n';
} catch (const std::exception& error) {
    std::cerr << "fit: " << error.what() << '\n';
    return 1;
}
