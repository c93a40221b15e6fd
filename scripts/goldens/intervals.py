"""Exact binomial intervals and tests by SciPy, for test/evaluation/intervals.test.ts.

    python scripts/goldens/intervals.py > test/golden/evaluation/intervals.json
"""

import json

import scipy
from scipy import stats

cases = []
for k, n in [(0, 1), (1, 1), (0, 20), (20, 20), (3, 10), (70, 125), (145, 250), (163, 250), (198, 250), (98, 125), (640, 1000), (31, 40000), (39000, 40000)]:
    test = stats.binomtest(k, n, 0.5)
    interval = test.proportion_ci(0.95, "exact")
    cases.append({"successes": k, "trials": n, "low": interval.low, "high": interval.high, "p": test.pvalue,
                  "p03": stats.binomtest(k, n, 0.3).pvalue})
beta = [{"x": x, "a": a, "b": b, "cdf": stats.beta.cdf(x, a, b)}
        for x in (0.001, 0.1, 0.5, 0.9, 0.999) for a in (0.5, 1, 7, 300) for b in (0.5, 3, 40, 900)]
print(json.dumps({"madeBy": f"scripts/goldens/intervals.py, SciPy {scipy.__version__}", "binomial": cases, "beta": beta}))
