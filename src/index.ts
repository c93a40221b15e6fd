/** The public surface of the package. What is not listed here may change without notice. */

export { MinerError } from './core/errors.js';
export { Random } from './core/random.js';
export { type BipartiteGraph, createBipartite } from './graph/bipartite.js';
export { type Adjacency, assertCsr, type Csr, transpose } from './graph/csr.js';
export { type EngineName, useEngine } from './kernels/register.js';
export type { LanguageModel } from './llm/language-model.js';
export { Encoder, type EncoderConfig } from './nn/encoder.js';
export { type AttentionBlock, GatV2Conv, type GatV2ConvConfig } from './nn/gatv2-conv.js';
export { type Persona, personaJsonSchema, personaSchema } from './personas/persona.js';
export { type TrainedModel, type TrainingOptions, trainEncoder } from './training/trainer.js';
