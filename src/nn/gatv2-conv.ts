import * as tf from '@tensorflow/tfjs-core';
import { serialization } from '@tensorflow/tfjs-core';
import { initializers, type LayerVariable, layers, type Shape } from '@tensorflow/tfjs-layers';
import { gatV2Attention } from '../kernels/gatv2-attention/op.js';

export interface GatV2ConvConfig {
  readonly name?: string;
  readonly numHeads: number; // H
  readonly headDim: number; // C / H
  readonly negativeSlope?: number; // of LeakyReLU, default 0.2
}

/** Edges of a bipartite block: B targets listen to U sources over E edges with F features each. */
export interface AttentionBlock {
  readonly rowPtr: tf.Tensor1D; // int32 [B + 1]
  readonly colIndex: tf.Tensor1D; // int32 [E], in [0, U)
  readonly edgeFeatures: tf.Tensor2D; // float32 [E, F]
}

/**
 * Graph attention with edge features, second form (Brody, Alon & Yahav, "How attentive are graph attention networks?",
 * ICLR 2022, equation 7), on bipartite blocks.
 *
 *     z = X_source W_s + b;  t = X_target W_t;  u_e = z_source(e) + t_target(e) + features_e W_e
 *     logits_e = a · LeakyReLU(u_e) per head;  attention = softmax over the edges of a target
 *     out = Σ attention_e z_source(e), heads side by side
 *
 * Call `apply([source, target, edgeFeatures, rowPtr, colIndex])` like any TensorFlow.js layer, or `attend` where the
 * attention itself is wanted. A target without edges gets zeros. Shapes: source [U, Ds], target [B, Dt] → [B, C].
 */
export class GatV2Conv extends layers.Layer {
  static readonly className = 'GatV2Conv';
  readonly numHeads: number;
  readonly headDim: number;
  readonly negativeSlope: number;
  private source!: LayerVariable;
  private target!: LayerVariable;
  private edge!: LayerVariable;
  private attn!: LayerVariable;
  private bias!: LayerVariable;

  constructor(config: GatV2ConvConfig) {
    super(config.name === undefined ? {} : { name: config.name });
    this.numHeads = config.numHeads;
    this.headDim = config.headDim;
    this.negativeSlope = config.negativeSlope ?? 0.2;
  }

  /** @param shapes of source [U, Ds], target [B, Dt], edgeFeatures [E, F] and the two index arrays */
  override build(shapes: Shape | Shape[]): void {
    const [[, sourceDim], [, targetDim], [, numEdgeFeatures]] = shapes as number[][];
    const outDim = this.numHeads * this.headDim;
    const glorot = (seed: number) => initializers.glorotUniform({ seed });
    const weight = (name: string, shape: number[], initializer = glorot(this.weightSeed(name))) =>
      this.addWeight(name, shape, 'float32', initializer);
    this.source = weight('source', [sourceDim, outDim]);
    this.target = weight('target', [targetDim, outDim]);
    this.edge = weight('edge', [numEdgeFeatures, outDim]);
    this.attn = weight(
      'attn',
      [outDim],
      initializers.randomNormal({ stddev: this.headDim ** -0.5, seed: this.weightSeed('attn') }),
    );
    this.bias = weight('bias', [outDim], initializers.zeros());
    super.build(shapes);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [source, target, edgeFeatures, rowPtr, colIndex] = inputs as [
      tf.Tensor2D,
      tf.Tensor2D,
      tf.Tensor2D,
      tf.Tensor1D,
      tf.Tensor1D,
    ];
    return tf.tidy(() => this.attend(source, target, { edgeFeatures, rowPtr, colIndex }).out);
  }

  /** The output [B, C] with the attention [E, H] behind it. */
  attend(
    source: tf.Tensor2D,
    target: tf.Tensor2D,
    block: AttentionBlock,
  ): { out: tf.Tensor2D; attention: tf.Tensor2D } {
    const { rowPtr, colIndex, edgeFeatures } = block;
    if (!this.built) {
      this.build([source.shape, target.shape, edgeFeatures.shape, rowPtr.shape, colIndex.shape]);
      this.built = true;
    }
    return tf.tidy(() => {
      const z = tf.fused.matMul({ a: source, b: this.source.read(), bias: this.bias.read() }) as tf.Tensor2D;
      const t = tf.matMul(target, this.target.read() as tf.Tensor2D) as tf.Tensor2D;
      const edgeWeight = this.edge.read() as tf.Tensor2D;
      const attn = this.attn.read() as tf.Tensor1D;
      const { numHeads, negativeSlope } = this;
      return gatV2Attention(z, t, edgeFeatures, edgeWeight, attn, rowPtr, colIndex, { numHeads, negativeSlope });
    });
  }

  override computeOutputShape(shapes: Shape | Shape[]): Shape {
    const [, [numTargets]] = shapes as Shape[];
    return [numTargets ?? null, this.numHeads * this.headDim];
  }

  override getConfig(): serialization.ConfigDict {
    const { numHeads, headDim, negativeSlope } = this;
    return { ...super.getConfig(), numHeads, headDim, negativeSlope };
  }

  /** Initial values depend on the names of layer and weight alone; training overwrites them from its own seed. */
  private weightSeed(weight: string): number {
    let seed = 17;
    for (const c of `${this.name}/${weight}`) seed = (Math.imul(seed, 31) + c.charCodeAt(0)) | 0;
    return seed & 0x7fffffff;
  }
}

serialization.registerClass(GatV2Conv);
