"""Bradley–Terry strengths against scikit-learn's logistic regression."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pretrain.evaluation.judge import bradley_terry


@pytest.mark.parametrize("seed", range(4))
def test_the_same_as_logistic_regression(seed):
    """One row for each pair and result: +1 for one system, −1 for the other."""
    random = np.random.default_rng(seed)
    S = 5
    wins = random.integers(1, 20, (S, S)).astype(float)
    rows, results, weights = [], [], []
    for i in range(S):
        for j in range(i):
            row = np.zeros(S)
            row[i], row[j] = 1, -1
            for result, weight in ((1, wins[i, j]), (0, wins[j, i])):
                rows.append(row)
                results.append(result)
                weights.append(weight)
    # C: practically no penalty, which would pull the strengths together.
    model = LogisticRegression(C=1e10, fit_intercept=False, tol=1e-10, max_iter=10_000)
    model.fit(rows, results, sample_weight=weights)
    theirs = model.coef_[0] - model.coef_[0].mean()
    # Their optimizer stops at a gradient, some 1e-5 from the optimum.
    np.testing.assert_allclose(bradley_terry(wins), theirs, atol=1e-4)
