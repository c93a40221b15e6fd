"""Makes test/golden/kernels/*.json: inputs, outputs and gradients of our ops, computed by other people's code.

    python -m venv venv && venv/bin/pip install torch torch_geometric numpy
    venv/bin/python scripts/goldens/kernels.py

Everything runs in float64 on values rounded to float32, so that a float32 kernel sees the same inputs. Last made with
torch 2.15.0 and torch_geometric 2.8.1.
"""

import json
from pathlib import Path

import torch
from torch_geometric.nn import GATv2Conv

OUT = Path(__file__).resolve().parents[2] / "test" / "golden" / "kernels"
torch.manual_seed(1)
torch.set_default_dtype(torch.float64)


def normals(*shape):
    return torch.randn(*shape).float().double()


def flat(tensor):
    return [round(value, 10) for value in tensor.detach().reshape(-1).tolist()]


def write(name, case):
    (OUT / f"{name}.json").write_text(json.dumps(case, indent=1) + "\n")


def targets_of(row_ptr):
    return [b for b in range(len(row_ptr) - 1) for _ in range(row_ptr[b], row_ptr[b + 1])]


def gatv2_attention():
    """torch_geometric's GATv2Conv with identity projections, which leaves z and t as given."""
    channels, heads, edge_dim, slope = 6, 2, 3, 0.2
    row_ptr = [0, 3, 3, 4, 9, 12]  # target 1 has no edge, target 2 has one
    col_index = [0, 4, 5, 2, 1, 3, 3, 0, 5, 2, 4, 1]  # target 3 holds source 3 twice
    num_sources, num_targets, num_edges = 7, len(row_ptr) - 1, len(col_index)  # source 6 has no edge

    z = normals(num_sources, channels).requires_grad_()
    t = normals(num_targets, channels).requires_grad_()
    features = normals(num_edges, edge_dim)
    d_out = normals(num_targets, channels)

    conv = GATv2Conv((channels, channels), channels // heads, heads=heads, negative_slope=slope, edge_dim=edge_dim,
                     add_self_loops=False, bias=False)
    with torch.no_grad():
        for linear in (conv.lin_l, conv.lin_r):
            linear.weight.copy_(torch.eye(channels))
            if linear.bias is not None:
                linear.bias.zero_()
        conv.lin_edge.weight.copy_(normals(channels, edge_dim))
        conv.att.copy_(normals(1, heads, channels // heads))
    edge_index = torch.tensor([col_index, targets_of(row_ptr)])
    out, (_, attention) = conv((z, t), edge_index, edge_attr=features, return_attention_weights=True)
    (out * d_out).sum().backward()

    write("gatv2-attention", {
        "numHeads": heads, "negativeSlope": slope, "channels": channels, "edgeDim": edge_dim,
        "rowPtr": row_ptr, "colIndex": col_index,
        "z": flat(z), "t": flat(t), "edgeFeatures": flat(features), "edgeWeight": flat(conv.lin_edge.weight.T),
        "attn": flat(conv.att), "dOut": flat(d_out),
        "out": flat(out), "attention": flat(attention),
        "dZ": flat(z.grad), "dT": flat(t.grad), "dEdgeWeight": flat(conv.lin_edge.weight.grad.T),
        "dAttn": flat(conv.att.grad),
    })


def embedding_bag():
    dim, row_ptr, col_index = 4, [0, 2, 2, 3, 8], [1, 4, 0, 3, 3, 2, 4, 0]
    x = normals(6, dim).requires_grad_()
    weights = torch.rand(len(col_index)).float().double() + 0.5
    d_out = normals(len(row_ptr) - 1, dim)
    case = {"dim": dim, "rowPtr": row_ptr, "colIndex": col_index, "x": flat(x), "weights": flat(weights),
            "dOut": flat(d_out)}

    index, offsets = torch.tensor(col_index), torch.tensor(row_ptr[:-1])
    out = torch.nn.functional.embedding_bag(index, x, offsets, mode="mean")
    (case["dX"],) = map(flat, torch.autograd.grad((out * d_out).sum(), x))
    case["out"] = flat(out)

    totals = torch.tensor([weights[row_ptr[b]:row_ptr[b + 1]].sum().item() for b in targets_of(row_ptr)])
    weighted = torch.nn.functional.embedding_bag(index, x, offsets, mode="sum", per_sample_weights=weights / totals)
    (case["dXWeighted"],) = map(flat, torch.autograd.grad((weighted * d_out).sum(), x))
    case["outWeighted"] = flat(weighted)
    write("embedding-bag", case)


def info_nce():
    """torch's cross entropy per (user, positive) pair on logits with masked entries at -inf, summed per user over the root of their number."""
    dim, temperature, num_candidates = 5, 0.5, 7
    pos_ptr, pos_index = [0, 2, 2, 3, 6], [1, 4, 0, 6, 2, 3]  # user 1 has no positive
    mask_ptr, mask_index = [0, 3, 4, 6, 6], [1, 2, 5, 0, 3, 4]  # candidate 1 is masked and positive to user 0: stays
    y = normals(len(pos_ptr) - 1, dim).requires_grad_()
    c = normals(num_candidates, dim).requires_grad_()
    log_q = -3 * torch.rand(num_candidates).float().double()

    losses = []
    for b in range(len(pos_ptr) - 1):
        positives = pos_index[pos_ptr[b]:pos_ptr[b + 1]]
        if not positives:
            continue
        masked = [m for m in mask_index[mask_ptr[b]:mask_ptr[b + 1]] if m not in positives]
        correction = log_q.index_fill(0, torch.tensor(positives), 0.0)
        logits = (c @ y[b] / temperature - correction).index_fill(0, torch.tensor(masked, dtype=torch.long), -torch.inf)
        total = torch.nn.functional.cross_entropy(
            logits.expand(len(positives), -1), torch.tensor(positives), reduction="sum")
        losses.append(total / len(positives) ** 0.5)
    loss = torch.stack(losses).mean()
    loss.backward()
    write("info-nce", {
        "dim": dim, "temperature": temperature, "y": flat(y), "c": flat(c), "logQ": flat(log_q),
        "posPtr": pos_ptr, "posIndex": pos_index, "maskPtr": mask_ptr, "maskIndex": mask_index,
        "loss": loss.item(), "dY": flat(y.grad), "dC": flat(c.grad),
    })


def adam():
    """torch.optim.AdamW for plain parameters, torch.optim.SparseAdam for the rows of a table."""
    rate, betas, epsilon, decay = 0.05, (0.9, 0.99), 1e-8, 0.1
    grads = [normals(6) for _ in range(4)]
    param = normals(6).requires_grad_()
    dense = {"param": flat(param), "grads": [flat(g) for g in grads]}
    optimizer = torch.optim.AdamW([param], lr=rate, betas=betas, eps=epsilon, weight_decay=decay)
    for grad in grads:
        param.grad = grad
        optimizer.step()
    dense["after"] = flat(param)

    dim, num_rows = 3, 5
    table = normals(num_rows, dim).requires_grad_()
    sparse = {"dim": dim, "table": flat(table), "steps": []}
    optimizer = torch.optim.SparseAdam([table], lr=rate, betas=betas, eps=epsilon)
    for rows in ([0, 2], [4, 0], [2], [0, 2, 4]):  # rows 1 and 3 are never touched
        grad = normals(len(rows), dim)
        table.grad = torch.sparse_coo_tensor(torch.tensor([rows]), grad, (num_rows, dim))
        optimizer.step()
        sparse["steps"].append({"rows": rows, "grad": flat(grad), "table": flat(table)})
    write("adam", {"learningRate": rate, "beta1": betas[0], "beta2": betas[1], "epsilon": epsilon,
                   "weightDecay": decay, "dense": dense, "rows": sparse})


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    gatv2_attention()
    embedding_bag()
    info_nce()
    adam()
