/** Sizes: U sources, B targets, E edges, C = H · C/H channels, F edge features. */
export interface GatV2Shape {
  readonly channels: number; // C, a multiple of numHeads
  readonly edgeDim: number; // F, may be 0
  readonly numHeads: number; // H
  readonly negativeSlope: number; // of LeakyReLU, which takes this slope at 0 too
}

export interface GatV2Inputs {
  readonly z: Float32Array; // [U, C] projected sources
  readonly t: Float32Array; // [B, C] projected targets
  readonly edgeFeatures: Float32Array; // [E, F]
  readonly edgeWeight: Float32Array; // [F, C]
  readonly attn: Float32Array; // [C], head after head
  readonly rowPtr: Int32Array; // [B + 1]; target b holds edges rowPtr[b] to rowPtr[b + 1], end excluded
  readonly colIndex: Int32Array; // [E], in [0, U)
}

/**
 * GATv2 attention (Brody, Alon & Yahav, arXiv 2105.14491), scores before and values after the projection shared:
 *
 *     u = z_r + t_b + Σ_f e_f v_f      s_h = a_h · LeakyReLU(u_h)      α_h = softmax over the row      out_h = Σ α_h z_r,h
 *
 * @param out       float32 [B, C], overwritten; zeros for a target without edges
 * @param attention float32 [E, H], overwritten: every non-empty row sums to 1 per head
 */
export function gatV2Attention(
  shape: GatV2Shape,
  inputs: GatV2Inputs,
  out: Float32Array,
  attention: Float32Array,
): void {
  const { channels, numHeads, negativeSlope } = shape;
  const { z, attn, rowPtr, colIndex } = inputs;
  const headDim = channels / numHeads;
  const u = new Float64Array(channels);
  const sum = new Float64Array(channels);
  const logits = new Float64Array(maxDegree(rowPtr) * numHeads); // of one row, later its softmax

  for (let b = 0; b < rowPtr.length - 1; b++) {
    const begin = rowPtr[b];
    const end = rowPtr[b + 1];
    for (let e = begin; e < end; e++) {
      preActivation(shape, inputs, b, e, u);
      for (let h = 0; h < numHeads; h++) {
        let logit = 0;
        for (let c = h * headDim; c < (h + 1) * headDim; c++)
          logit += attn[c] * (u[c] > 0 ? u[c] : negativeSlope * u[c]);
        logits[(e - begin) * numHeads + h] = logit;
      }
    }
    for (let h = 0; h < numHeads; h++) softmaxInPlace(logits, h, (end - begin) * numHeads, numHeads);

    sum.fill(0);
    for (let e = begin; e < end; e++) {
      const source = colIndex[e] * channels;
      for (let h = 0; h < numHeads; h++) {
        const alpha = logits[(e - begin) * numHeads + h];
        attention[e * numHeads + h] = alpha;
        for (let c = h * headDim; c < (h + 1) * headDim; c++) sum[c] += alpha * z[source + c];
      }
    }
    out.set(sum, b * channels);
  }
}

/** Gradients of `gatV2Attention`, shaped like the inputs they belong to; overwritten. */
export interface GatV2Gradients {
  readonly dZ: Float32Array; // [U, C]
  readonly dT: Float32Array; // [B, C]
  readonly dEdgeWeight: Float32Array; // [F, C]
  readonly dAttn: Float32Array; // [C]
}

/**
 * Backward of `gatV2Attention` with respect to `out`. Edges are visited in order and summed in float64, so the result
 * does not depend on anything but the inputs. u is computed again rather than kept: E · C floats are worth less than
 * the F + 1 additions that make them.
 *
 * @param attention float32 [E, H], as the forward pass left it
 * @param dOut      float32 [B, C]
 */
export function gatV2AttentionGrad(
  shape: GatV2Shape,
  inputs: GatV2Inputs,
  attention: Float32Array,
  dOut: Float32Array,
  gradients: GatV2Gradients,
): void {
  const { channels, edgeDim, numHeads, negativeSlope } = shape;
  const { z, t, edgeFeatures, edgeWeight, attn, rowPtr, colIndex } = inputs;
  const headDim = channels / numHeads;
  const u = new Float64Array(channels);
  const du = new Float64Array(channels);
  const dAlpha = new Float64Array(maxDegree(rowPtr) * numHeads); // of one row
  const dZ = new Float64Array(z.length);
  const dT = new Float64Array(t.length);
  const dEdgeWeight = new Float64Array(edgeWeight.length);
  const dAttn = new Float64Array(channels);

  for (let b = 0; b < rowPtr.length - 1; b++) {
    const begin = rowPtr[b];
    const end = rowPtr[b + 1];
    const target = b * channels;
    for (let e = begin; e < end; e++) {
      const source = colIndex[e] * channels;
      for (let h = 0; h < numHeads; h++) {
        let dot = 0;
        for (let c = h * headDim; c < (h + 1) * headDim; c++) dot += dOut[target + c] * z[source + c];
        dAlpha[(e - begin) * numHeads + h] = dot;
      }
    }
    for (let h = 0; h < numHeads; h++) {
      let mean = 0; // of dAlpha under the row's attention
      for (let e = begin; e < end; e++) mean += attention[e * numHeads + h] * dAlpha[(e - begin) * numHeads + h];
      for (let e = begin; e < end; e++) dAlpha[(e - begin) * numHeads + h] -= mean;
    }
    for (let e = begin; e < end; e++) {
      const source = colIndex[e] * channels;
      preActivation(shape, inputs, b, e, u);
      for (let h = 0; h < numHeads; h++) {
        const alpha = attention[e * numHeads + h];
        const dLogit = alpha * dAlpha[(e - begin) * numHeads + h];
        for (let c = h * headDim; c < (h + 1) * headDim; c++) {
          const slope = u[c] > 0 ? 1 : negativeSlope;
          dAttn[c] += dLogit * slope * u[c];
          du[c] = dLogit * attn[c] * slope;
          dT[target + c] += du[c];
          dZ[source + c] += alpha * dOut[target + c] + du[c];
        }
      }
      for (let f = 0; f < edgeDim; f++) {
        const feature = edgeFeatures[e * edgeDim + f];
        for (let c = 0; c < channels; c++) dEdgeWeight[f * channels + c] += feature * du[c];
      }
    }
  }
  gradients.dZ.set(dZ);
  gradients.dT.set(dT);
  gradients.dEdgeWeight.set(dEdgeWeight);
  gradients.dAttn.set(dAttn);
}

/** u of edge e of target b. */
function preActivation(shape: GatV2Shape, inputs: GatV2Inputs, b: number, e: number, u: Float64Array): void {
  const { channels, edgeDim } = shape;
  const { z, t, edgeFeatures, edgeWeight, colIndex } = inputs;
  const source = colIndex[e] * channels;
  const target = b * channels;
  for (let c = 0; c < channels; c++) u[c] = z[source + c] + t[target + c];
  for (let f = 0; f < edgeDim; f++) {
    const feature = edgeFeatures[e * edgeDim + f];
    for (let c = 0; c < channels; c++) u[c] += feature * edgeWeight[f * channels + c];
  }
}

/** Softmax over entries begin, begin + stride, … below end. */
function softmaxInPlace(values: Float64Array, begin: number, end: number, stride: number): void {
  let max = -Infinity; // subtracted below, so that exp cannot overflow
  for (let i = begin; i < end; i += stride) max = Math.max(max, values[i]);
  let total = 0;
  for (let i = begin; i < end; i += stride) {
    values[i] = Math.exp(values[i] - max);
    total += values[i];
  }
  for (let i = begin; i < end; i += stride) values[i] /= total;
}

function maxDegree(rowPtr: Int32Array): number {
  let max = 0;
  for (let b = 0; b < rowPtr.length - 1; b++) max = Math.max(max, rowPtr[b + 1] - rowPtr[b]);
  return max;
}
