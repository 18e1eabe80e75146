"""Conformal sets of labels by their definitions, one row and one label at a time."""

from fractions import Fraction

import numpy as np


def label_score(kind, probabilities, label, u=1.0, penalty=0.0, free=0):
    """How strange a label is, of one row."""
    own = probabilities[label]
    if kind == "lac":
        return 1.0 - own
    above = sum(p for p in probabilities if p > own)
    tied = sum(p for p in probabilities if p == own)
    rank = sum(1 for p in probabilities if p >= own)
    if kind == "top-k":
        return rank
    return above + u * tied + (penalty * max(0, rank - free) if kind == "raps" else 0.0)


def p_value(scores, score, slack=1e-12):
    """Share of scores that are at least as large, the new one among them; exact."""
    return Fraction(1 + sum(1 for known in scores if known >= score - slack), len(scores) + 1)


def in_set(scores, score, level):
    """Whether a label belongs to the set: its p-value is above 1 - level (a Fraction)."""
    return p_value(scores, score) > 1 - level


def split_p_values(kind, known, codes, new, cell, u_known, u_new, penalty=0.0, free=0):
    """P-values of all labels of new rows; `cell(label of row or column, row index or None)` says who is compared."""
    own = [label_score(kind, p, y, u, penalty, free) for p, y, u in zip(known, codes, u_known, strict=True)]
    found = np.empty(new.shape)
    for j, row in enumerate(new):
        for label in range(new.shape[1]):
            those = [own[i] for i in range(len(own)) if cell(i) == cell(j, label)]
            found[j, label] = float(p_value(those, label_score(kind, row, label, u_new[j], penalty, free)))
    return found


def held_out_p_values(kind, held_out, codes, by_model, member, u_known, u_new, compared):
    """P-values by fits without rows: `by_model` (m, n_models, n_classes); `compared(i, j, label)`: row i counts."""
    m, _, n_classes = by_model.shape
    own = [label_score(kind, p, y, u) for p, y, u in zip(held_out, codes, u_known, strict=True)]
    found = np.empty((m, n_classes))
    for j in range(m):
        for label in range(n_classes):
            those = [i for i in range(len(codes)) if compared(i, j, label)]
            stranger = sum(own[i] >= label_score(kind, by_model[j, member[i]], label, u_new[j]) - 1e-12 for i in those)
            found[j, label] = (1 + stranger) / (1 + len(those))
    return found
