"""``python -m benchmarks``: see ``python -m benchmarks --help`` and ``benchmarks/README.md``."""

from __future__ import annotations

import argparse
import importlib
import sys

COMMANDS = {
    "table": ("compare", "mlcraft, scikit-learn and peers on the cases (the default)"),
    "kernels": ("kernels", "Gram and fused passes as fractions of the machine's limits"),
    "updates": ("updates", "partial fits as a fraction of the read bandwidth, updates beside refits"),
    "inference": ("inference", "standard errors and summaries beside statsmodels"),
    "memory": ("memory", "extra memory while fitting, as a share of X"),
    "influence": ("influence", "leverage, leave-one-out, influence and importance, beside statsmodels and refits"),
    "jackknife": ("jackknife", "intervals of the jackknife+ and of CV+ from one fit, beside MAPIE"),
    "startup": ("startup", "time to import"),
    "accuracy": ("accuracy", "correct digits on certified problems"),
    "ridge_cv": ("ridge_cv", "ridge regression that chooses its penalty, beside scikit-learn"),
    "logistic": ("logistic", "logistic and multinomial regression to a given suboptimality, beside all peers"),
    "svm": ("svm", "support vector machines at equal accuracy, beside scikit-learn"),
    "convergence": ("convergence.command", "objective gap against time and passes: solvers and libraries on real data"),
    "jit": ("jit", "losses written in Python beside the built-in ones, C++ beside Numba kernel by kernel"),
    "bootstrap": ("bootstrap", "a thousand resamples of least squares and logistic fits, beside a loop of refits"),
    "sgd": ("sgd", "stochastic gradient descent, epoch for epoch, beside scikit-learn"),
    "cross_validation": ("cross_validation", "cross_val_score without refits beside scikit-learn's"),
    "drop_ins": ("drop_ins", "quantile and Bayesian regression beside scikit-learn and statsmodels"),
    "coverage": ("coverage", "intervals and sets on real data: coverage, width and time, beside MAPIE"),
    "coverage_step": ("coverage_step", "prediction sets around one fitted classifier, beside MAPIE"),
    "metrics": ("metrics", "metrics, areas with their variance and by resamples, beside scikit-learn"),
    "calibration": ("calibration", "calibration of classifiers, prefit and cross-fitted, beside scikit-learn"),
    "solve": ("solve", "mlcraft.solve(solver='auto') to a certificate of 1e-6, beside every single solver"),
    "chart": ("chart", "draw the chart again from a file written with --json"),
}


def main(argv: list[str]) -> int:
    if not argv or argv[0].startswith("-"):
        if argv[:1] in (["-h"], ["--help"]):
            width = max(map(len, COMMANDS))
            print("usage: python -m benchmarks [COMMAND] [OPTIONS]\n\ncommands (each has its own --help):")
            for name, (_, text) in COMMANDS.items():
                print(f"  {name:{width}}  {text}")
            print()
        argv = ["table", *argv]
    name, *rest = argv
    if name not in COMMANDS:
        print(f"no command {name!r}; there are: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    module = importlib.import_module(f"benchmarks.{COMMANDS[name][0]}")
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {name}", description=COMMANDS[name][1])
    module.add_arguments(parser)
    return int(module.main(parser.parse_args(rest)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
