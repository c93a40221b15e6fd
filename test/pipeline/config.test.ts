import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { configSchema, pick } from '../../src/pipeline/config.js';
import { problemsUnder } from '../personas/json-schema.js';

const KEYS = Object.keys(configSchema.shape) as (keyof typeof configSchema.shape)[];

describe('configSchema', () => {
  it.each(KEYS)('explains %s in one short sentence without a full stop', (key) => {
    expect(configSchema.shape[key].description).toMatch(/^\S.{8,140}[^.]$/);
  });

  it('needs nothing: every setting has a default or may be absent', () => {
    expect(configSchema.safeParse({}).success).toBe(true);
  });

  it('has defaults that satisfy its own bounds', () => {
    const defaults = configSchema.parse({});
    expect(configSchema.parse(defaults)).toEqual(defaults);
    expect(defaults.dim % defaults.heads).toBe(0);
    expect(defaults.minUsers).toBeGreaterThanOrEqual(50);
  });

  it('knows no other settings', () => {
    expect(configSchema.safeParse({ seeed: 1 }).success).toBe(false);
  });
});

describe('the JSON Schema of a configuration', () => {
  const schema = z.toJSONSchema(configSchema, { io: 'input' }) as {
    required?: string[];
    properties: Record<string, { description?: string; default?: unknown }>;
  };

  it('describes every setting with its default and requires none', () => {
    expect(Object.keys(schema.properties)).toEqual(KEYS);
    expect(schema.required ?? []).toEqual([]);
    const defaults: Record<string, unknown> = configSchema.parse({});
    for (const key of KEYS) {
      expect(schema.properties[key].description).toBe(configSchema.shape[key].description);
      expect(schema.properties[key].default).toEqual(defaults[key]);
    }
  });

  it('accepts what the program accepts and refuses what it refuses', () => {
    const examples: [object, boolean][] = [
      [{}, true],
      [configSchema.parse({}), true],
      [{ clusters: 'auto', fanout: [3, 2], minUsers: 60 }, true],
      [{ clusters: 12 }, true],
      [{ clusters: 'many' }, false],
      [{ clusters: 0 }, false],
      [{ fanout: [16] }, false],
      [{ fanout: [16, 0] }, false],
      [{ seed: -1 }, false],
      [{ seed: 1.5 }, false],
      [{ seed: '1' }, false],
      [{ learningRate: 0 }, false],
      [{ llm: 'gpt' }, false],
      [{ includeOver18: 'yes' }, false],
      [{ seeed: 1 }, false],
    ];
    for (const [config, accepted] of examples) {
      expect([config, configSchema.safeParse(config).success]).toEqual([config, accepted]);
      expect([config, problemsUnder(schema, config).length === 0]).toEqual([config, accepted]);
    }
  });
});

describe('pick', () => {
  it('takes the named settings and no others', () => {
    expect(pick(configSchema.parse({ dim: 8 }), 'dim', 'fanout')).toEqual({ dim: 8, fanout: [64, 4] });
  });
});
