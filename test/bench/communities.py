"""igraph's side of communities.bench.ts: communities.py NAME FILE -> one JSON object."""

import json
import resource
import sys
import time

import igraph
import numpy as np

name, path = sys.argv[1:]
raw = np.fromfile(path, dtype=np.uint32)
count = len(raw) // 3
edges = raw[: 2 * count].reshape(2, count).T
weights = raw[2 * count :].view(np.float32).astype(np.float64)
graph = igraph.Graph(n=int(edges.max()) + 1, edges=edges)
del raw, edges
cpu, wall = time.process_time(), time.perf_counter()
if name == "igraph leiden":
    found = graph.community_leiden(objective_function="modularity", weights=weights, n_iterations=2)
else:
    found = graph.community_multilevel(weights=weights)
result = {
    "cpuSeconds": time.process_time() - cpu,
    "wallSeconds": time.perf_counter() - wall,
    "modularity": graph.modularity(found.membership, weights=weights),
    "communities": len(found),
    "peakMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}
print(json.dumps(result))
