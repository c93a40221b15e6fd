"""scikit-learn's side of k-means.bench.ts: k-means.py NAME FILE -> one JSON object."""

import json
import resource
import sys
import time

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans

name, path = sys.argv[1:]
points = np.fromfile(path, dtype=np.float32).reshape(-1, 64)
k, iterations = 100, 10
if name == "sklearn mini-batch":
    model = MiniBatchKMeans(k, n_init=1, random_state=1)
elif name == "sklearn seeded":
    model = KMeans(k, n_init=1, max_iter=iterations, tol=0, algorithm="lloyd", random_state=1)
else:
    model = KMeans(k, init=points[:k].copy(), n_init=1, max_iter=iterations, tol=0, algorithm="lloyd")
before = time.process_time()
model.fit(points)
cpu = time.process_time() - before
result = {
    "cpuSeconds": cpu,
    "inertia": float(model.inertia_),
    "iterations": int(model.n_iter_),
    "peakMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}
print(json.dumps(result))
