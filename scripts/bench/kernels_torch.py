"""The benchmark step of test/bench/kernels.bench.ts in PyTorch: the same mathematics on the same numbers.

    python scripts/bench/kernels_torch.py FOLDER THREADS [DEVICE]

FOLDER is what writeProblem left. Reads lines "VARIANT" from standard input, runs one step and answers with a line of
JSON: {"loss", "cpuMs", "wallMs"}. Variants:

    dense    [targets, neighbors, channels] tensors, every edge projected
    scatter  as PyTorch Geometric does it: rows projected once, edges gathered, softmax and sums by index_add
    pyg      GATv2Conv of PyTorch Geometric itself, where it is installed
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as fn

try:
    from torch_geometric.nn import GATv2Conv
except ImportError:
    GATv2Conv = None

folder = Path(sys.argv[1])
torch.set_num_threads(int(sys.argv[2]))
device = torch.device(sys.argv[3] if len(sys.argv) > 3 else "cpu")
torch.set_default_device(device)
sizes = json.loads((folder / "sizes.json").read_text())
B, S, D, H, F, K, K1 = (sizes[key] for key in ("numUsers", "numStates", "D", "H", "F", "K", "K1"))


def floats(name, *shape):
    return torch.from_numpy(np.fromfile(folder / f"{name}.bin", np.float32).reshape(shape).copy()).to(device)


def ints(name):
    return torch.from_numpy(np.fromfile(folder / f"{name}.bin", np.int32).astype(np.int64)).to(device)


def create():
    weights = []
    for i in range(sizes["layers"]):
        shapes = {"source": (D, D), "target": (D, D), "edge": (F, D), "attn": (H, D // H), "bias": (D,)}
        weights.append({name: floats(f"layer{i}-{name}", *shape).requires_grad_() for name, shape in shapes.items()})
    table = floats("table", sizes["V"], D)
    optimizer = torch.optim.AdamW([w for layer in weights for w in layer.values()], lr=sizes["learningRate"],
                                  betas=(sizes["beta1"], sizes["beta2"]), eps=sizes["epsilon"], weight_decay=0)
    return {"weights": weights, "table": table, "m": torch.zeros_like(table), "v": torch.zeros_like(table),
            "optimizer": optimizer, "step": 0}


rows_index, positives, col_index = ints("rows"), ints("positives"), ints("colIndex")
edge_features = floats("edgeFeatures", B * K, F)
if sizes["layers"] == 2:
    bag_index, hop_features = ints("bagIndex").reshape(S * K1, K), floats("hopEdgeFeatures", S * K1, F)


def attend_dense(w, sources, targets, index, features):
    """sources are gathered first: every edge is projected, as [T, k, D] tensors."""
    count, degree = targets.shape[0], index.shape[0] // targets.shape[0]
    z = (sources[index] @ w["source"] + w["bias"]).view(count, degree, D)
    u = z + (targets @ w["target"])[:, None] + (features @ w["edge"]).view(count, degree, D)
    logits = (fn.leaky_relu(u, 0.2).view(count, degree, H, D // H) * w["attn"]).sum(-1)
    attention = torch.softmax(logits, 1)
    return (attention[..., None] * z.view(count, degree, H, D // H)).sum(1).reshape(count, D)


def attend_scatter(w, sources, targets, index, features):
    count, degree = targets.shape[0], index.shape[0] // targets.shape[0]
    target = torch.arange(count).repeat_interleave(degree)
    z = (sources @ w["source"] + w["bias"])[index]
    u = z + (targets @ w["target"])[target] + features @ w["edge"]
    logits = (fn.leaky_relu(u, 0.2).view(-1, H, D // H) * w["attn"]).sum(-1)
    top = torch.zeros(count, H).scatter_reduce(0, target[:, None].expand(-1, H), logits.detach(), "amax", include_self=False)
    weight = torch.exp(logits - top[target])
    attention = weight / torch.zeros(count, H).index_add(0, target, weight)[target]
    return torch.zeros(count, D).index_add(0, target, (attention[..., None] * z.view(-1, H, D // H)).reshape(-1, D))


def attend_pyg(w, sources, targets, index, features):
    """The layer with the weights of `w` put in its places; what it has beyond ours (a second and a third bias) stays zero."""
    if "pyg" not in w:
        w["pyg"] = GATv2Conv((D, D), D // H, heads=H, edge_dim=F, add_self_loops=False)
        for parameter in (w["pyg"].bias, w["pyg"].lin_r.bias):
            torch.nn.init.zeros_(parameter).requires_grad_(False)
        for layer in ("lin_l", "lin_r", "lin_edge"):
            del w["pyg"]._modules[layer]._parameters["weight"]
        del w["pyg"].lin_l._parameters["bias"], w["pyg"]._parameters["att"]
    layer = w["pyg"]
    layer.lin_l.weight, layer.lin_l.bias = w["source"].T, w["bias"]
    layer.lin_r.weight, layer.lin_edge.weight, layer.att = w["target"].T, w["edge"].T, w["attn"][None]
    count, degree = targets.shape[0], index.shape[0] // targets.shape[0]
    target = torch.arange(count).repeat_interleave(degree)
    return layer((sources, targets), torch.stack([index, target]), features)


def loss_of(rows, weights, attend):
    x = rows[:S]
    states = x
    if sizes["layers"] == 2:
        hop_users = fn.embedding_bag(bag_index, rows, mode="mean")
        states = x + fn.elu(attend(weights[0], hop_users, x, torch.arange(S * K1), hop_features))
    q = fn.embedding_bag(col_index.view(B, K), x, mode="mean")
    y = fn.normalize(fn.elu(attend(weights[-1], states, q, col_index, edge_features) + q), dim=1)
    c = fn.normalize(rows[positives], dim=1)
    return fn.cross_entropy(y @ c.T / sizes["temperature"], torch.arange(B))


def step(state, attend):
    state["step"] += 1
    rows = state["table"][rows_index].requires_grad_()
    state["optimizer"].zero_grad()
    loss = loss_of(rows, state["weights"], attend)
    loss.backward()
    state["optimizer"].step()
    with torch.no_grad():  # lazy AdamW on the rows that were read
        beta1, beta2, g = sizes["beta1"], sizes["beta2"], rows.grad
        m = state["m"][rows_index].mul_(beta1).add_(g, alpha=1 - beta1)
        v = state["v"][rows_index].mul_(beta2).addcmul_(g, g, value=1 - beta2)
        state["m"][rows_index] = m
        state["v"][rows_index] = v
        rate = sizes["learningRate"] / (1 - beta1 ** state["step"])
        denominator = v.sqrt_().div_((1 - beta2 ** state["step"]) ** 0.5).add_(sizes["epsilon"])
        state["table"][rows_index] = rows.detach().addcdiv_(m, denominator, value=-rate)
    return loss.item()


variants = {"dense": attend_dense, "scatter": attend_scatter}
if GATv2Conv is not None:
    variants["pyg"] = attend_pyg
states = {name: create() for name in variants}
print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads(), "variants": list(variants)}), flush=True)
for line in sys.stdin:
    name = line.strip()
    wall, cpu = time.perf_counter(), time.process_time()
    loss = step(states[name], variants[name])
    if device.type == "cuda":
        torch.cuda.synchronize()
    print(json.dumps({"loss": loss, "cpuMs": (time.process_time() - cpu) * 1000,
                      "wallMs": (time.perf_counter() - wall) * 1000}), flush=True)
