import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addSettingFlags, kebab, type Origin, resolveSettings } from '../../src/cli/settings.js';
import { configSchema, type RunConfig } from '../../src/pipeline/config.js';
import { temporaryFolders } from '../artifacts/folders.js';

const newFolder = temporaryFolders();
const KEYS = Object.keys(configSchema.shape) as (keyof RunConfig)[];
const DEFAULTS = configSchema.parse({});

function configFile(content: unknown): string {
  const path = `${newFolder()}/config.json`;
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** What commander makes of a command line. */
function parseFlags(...args: string[]): Record<string, unknown> {
  const command = addSettingFlags(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return command.parse(args, { from: 'user' }).opts();
}

const variableOf = (key: string) => `MINE_PERSONAS_${kebab(key).toUpperCase().replaceAll('-', '_')}`;

describe('resolveSettings', () => {
  it('takes the defaults where nobody says otherwise', async () => {
    const { config, origin } = await resolveSettings({}, {}, undefined);
    expect(config).toEqual(DEFAULTS);
    expect(new Set(Object.values(origin))).toEqual(new Set(['default']));
  });

  it('prefers flags to environment to configuration file to the settings of the run to defaults, and says which', async () => {
    const layers: Origin[] = ['run', 'config file', 'environment', 'flag'];
    await fc.assert(
      fc.asyncProperty(fc.subarray(layers), async (present) => {
        const value = (layer: Origin) => 100 + layers.indexOf(layer);
        const given = (layer: Origin) => (present.includes(layer) ? value(layer) : undefined);
        const [run, file, environment, flag] = layers.map(given);
        const { config, origin } = await resolveSettings(
          { seed: flag },
          environment === undefined ? {} : { MINE_PERSONAS_SEED: String(environment) },
          file === undefined ? undefined : configFile({ seed: file }),
          run === undefined ? {} : { seed: run },
        );
        const winner = present.at(-1);
        expect(config.seed).toBe(winner ? value(winner) : DEFAULTS.seed);
        expect(origin.seed).toBe(winner ?? 'default');
        expect(origin.dim).toBe('default');
      }),
      { seed: 1, numRuns: 40 },
    );
  });

  it('mixes settings from everywhere', async () => {
    const { config, origin } = await resolveSettings(
      { dim: 32 },
      { MINE_PERSONAS_HEADS: '8' },
      configFile({ $schema: 'ignored', fanout: [4, 2] }),
      { batchUsers: 64 },
    );
    expect(config).toMatchObject({ dim: 32, heads: 8, fanout: [4, 2], batchUsers: 64 });
    expect(origin).toMatchObject({ dim: 'flag', heads: 'environment', fanout: 'config file', batchUsers: 'run' });
  });

  it('ignores flags and variables that are no settings', async () => {
    const { config } = await resolveSettings({ out: 'x', json: true }, { PATH: '/bin', SEED: '9' }, undefined);
    expect(config).toEqual(DEFAULTS);
  });

  it.each([
    ['min-users', 'minUsers'],
    ['minUser', 'minUsers'],
    ['SEED', 'seed'],
    ['temprature', 'temperature'],
  ])('refuses the unknown setting %s of a file and suggests %s', async (key, suggestion) => {
    const path = configFile({ [key]: 1 });
    await expect(resolveSettings({}, {}, path)).rejects.toMatchObject({
      code: 'ERR_CONFIG_FILE',
      fields: { path, key },
      message: expect.stringContaining(`"${suggestion}"`),
    });
  });

  it('suggests nothing for what resembles no setting', async () => {
    const refused = resolveSettings({}, {}, configFile({ somethingEntirelyDifferent: 1 }));
    await expect(refused).rejects.toMatchObject({ message: expect.not.stringContaining('mean') });
  });

  it.each(['', '{', '[]', '"text"', 'null', '3'])('refuses a configuration file that says %j', async (content) => {
    const path = configFile(content);
    await expect(resolveSettings({}, {}, path)).rejects.toMatchObject({ code: 'ERR_CONFIG_FILE', fields: { path } });
  });

  it('refuses a configuration file that is not there', async () => {
    await expect(resolveSettings({}, {}, '/nowhere/config.json')).rejects.toMatchObject({ code: 'ERR_CONFIG_FILE' });
  });

  it('names the origin of a value out of range, its flag and the value', async () => {
    const bad = { key: 'dim', code: 'ERR_SETTING' };
    const refused = async (attempt: Promise<unknown>, origin: Origin) =>
      await expect(attempt).rejects.toMatchObject({
        code: bad.code,
        fields: { key: bad.key, origin },
        message: expect.stringMatching(new RegExp(`^--dim \\(from ${origin}\\): .*100000`)),
      });
    await refused(resolveSettings({ dim: 100000 }, {}, undefined), 'flag');
    await refused(resolveSettings({}, { MINE_PERSONAS_DIM: '100000' }, undefined), 'environment');
    await refused(resolveSettings({}, {}, configFile({ dim: 100000 })), 'config file');
    await refused(resolveSettings({}, {}, undefined, { dim: 100000 }), 'run');
  });

  it.each([
    ['seed', 'abc'],
    ['seed', ''],
    ['fanout', '16,x'],
    ['fanout', '16,,4'],
    ['clusters', 'many'],
    ['includeOver18', 'yes'],
    ['device', 'Reference'],
  ])('names the variable of %s when it says %j', async (key, text) => {
    await expect(resolveSettings({}, { [variableOf(key)]: text }, undefined)).rejects.toMatchObject({
      code: 'ERR_ENVIRONMENT',
      fields: { key },
      message: expect.stringContaining(variableOf(key)),
    });
  });

  it.each([
    ['a word where a file should have a number', { seed: '1' }],
    ['a fraction', { seed: 1.5 }],
    ['a fanout for one hop', { fanout: [16] }],
    ['a fanout for three hops', { fanout: [16, 4, 2] }],
    ['clusters of another word', { clusters: 'many' }],
    ['null', { seed: null }],
  ])('refuses %s', async (_, content) => {
    await expect(resolveSettings({}, {}, configFile(content))).rejects.toMatchObject({ code: 'ERR_SETTING' });
  });

  it('refuses a length of embeddings that heads do not divide', async () => {
    await expect(resolveSettings({ dim: 64, heads: 3 }, {}, undefined)).rejects.toMatchObject({
      code: 'ERR_SETTING',
      message: expect.stringMatching(/64.*3/),
    });
  });

  it('refuses groups below 50 people from anywhere, unless somebody asks for them in so many words', async () => {
    const refusal = { code: 'ERR_SETTING', fields: { key: 'minUsers' } };
    await expect(resolveSettings({ minUsers: 49 }, {}, undefined)).rejects.toMatchObject(refusal);
    await expect(resolveSettings({}, { MINE_PERSONAS_MIN_USERS: '2' }, undefined)).rejects.toMatchObject(refusal);
    await expect(resolveSettings({}, {}, configFile({ minUsers: 49 }))).rejects.toMatchObject(refusal);
    await expect(resolveSettings({}, {}, undefined, { minUsers: 49 })).rejects.toMatchObject(refusal);
    await expect(
      resolveSettings({ minUsers: 49 }, { MINE_PERSONAS_UNSAFE_SMALL_CLUSTERS: '0' }, undefined),
    ).rejects.toMatchObject(refusal);
    const asked = await resolveSettings({ minUsers: 49, unsafeSmallClusters: true }, {}, undefined);
    expect(asked.config.minUsers).toBe(49);
    expect((await resolveSettings({ minUsers: 50 }, {}, undefined)).config.minUsers).toBe(50);
  });
});

describe('addSettingFlags', () => {
  it('gives every setting a flag of its own whose value arrives under the key of the setting', () => {
    const { options } = addSettingFlags(new Command());
    expect(options.map((option) => option.attributeName()).sort()).toEqual([...KEYS].sort());
    expect(options.map((option) => option.long)).toEqual(KEYS.map((key) => `--${kebab(key)}`));
    for (const option of options) expect(option.long).toMatch(/^--[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
    expect(new Set(options.map((option) => option.long)).size).toBe(KEYS.length);
  });

  it('explains every flag, with its default', () => {
    const { options } = addSettingFlags(new Command());
    for (const option of options) expect(option.description.length).toBeGreaterThan(10);
    const described = (flag: string) => options.find((option) => option.long === flag)?.description;
    expect(described('--fanout')).toContain('(default: 64,4)');
    expect(described('--clusters')).toContain('(default: auto)');
    expect(described('--include-over18')).not.toContain('default');
  });

  it('adds only the flags that are asked for', () => {
    expect(addSettingFlags(new Command(), ['seed']).options.map((option) => option.long)).toEqual(['--seed']);
  });

  it('leaves out what was not given, so that other origins can speak', () => {
    expect(parseFlags()).toEqual({});
  });

  it('reads numbers, words, lists, switches and choices', () => {
    const given = parseFlags(
      ...['--seed', '7', '--learning-rate', '1e-3', '--clusters', 'auto', '--fanout', '8,2'],
      ...['--columns', 'user,subreddit', '--unsafe-small-clusters', '--llm', 'template', '--llm-model', '7'],
    );
    expect(given).toEqual({
      seed: 7,
      learningRate: 0.001,
      clusters: 'auto',
      fanout: [8, 2],
      columns: ['user', 'subreddit'],
      unsafeSmallClusters: true,
      llm: 'template',
      llmModel: '7',
    });
    expect(parseFlags('--clusters', '12')).toEqual({ clusters: 12 });
  });

  it.each([
    ['--seed', 'abc'],
    ['--fanout', '16;4'],
    ['--clusters', 'some'],
    ['--sede', '1'],
  ])('refuses %s %s', (...args) => {
    expect(() => parseFlags(...args)).toThrow();
  });
});

/** Settings without a default that take a number. */
const OPTIONAL_NUMBERS: readonly (keyof RunConfig)[] = [
  'llmRequestsPerMinute',
  'llmTokensPerMinute',
  'llmContextTokens',
  'llmThreads',
  'maxCalls',
  'maxCost',
];

describe('the environment', () => {
  /** A value of the kind of the setting that is not its default, as text and as it should be understood. */
  function example(key: keyof RunConfig): [string, unknown] {
    const value = DEFAULTS[key];
    if (key === 'dim') return ['64', 64];
    if (key === 'heads') return ['2', 2];
    if (key === 'clusters') return ['5', 5];
    if (key === 'columns') return ['user,subreddit', ['user', 'subreddit']];
    if (key === 'fanout') return ['3,2', [3, 2]];
    if (key === 'includeSensitive') return ['politics,religion', ['politics', 'religion']];
    if (OPTIONAL_NUMBERS.includes(key)) return key === 'llmThreads' ? ['3', 3] : ['300', 300];
    if (typeof value === 'boolean') return ['1', true];
    if (typeof value === 'number') return [String(value + 1), value + 1];
    const others: Record<string, string> = {
      format: 'dump',
      onBadLine: 'stop',
      onBadFile: 'skip',
      botBehaviour: 'keep',
      clustering: 'leiden-knn',
      device: 'reference',
      llm: 'openai-compatible',
      llmCacheMode: 'replay',
      llmPrompt: 'compact',
      unit: 'user',
    };
    const text = others[key] ?? `some ${key}`;
    return [text, text];
  }

  it.each(KEYS)('sets %s', async (key) => {
    const [text, value] = example(key);
    const allowed = key === 'unit' ? { [variableOf('unsafeSmallClusters')]: '1' } : {};
    const { config, origin } = await resolveSettings({}, { ...allowed, [variableOf(key)]: text }, undefined);
    expect(config[key]).toEqual(value);
    expect(config[key]).not.toEqual(DEFAULTS[key]);
    expect(origin[key]).toBe('environment');
  });

  it.each([
    ['1', true],
    ['true', true],
    ['0', false],
    ['false', false],
  ])('reads the switch %s', async (text, value) => {
    const { config } = await resolveSettings(
      {},
      { MINE_PERSONAS_INCLUDE_OVER18: text },
      configFile({ includeOver18: !value }),
    );
    expect(config.includeOver18).toBe(value);
  });
});

describe('kebab', () => {
  it('writes keys as flags', () => {
    expect(['seed', 'minUsers', 'includeOver18', 'llmBaseUrl'].map(kebab)).toEqual([
      'seed',
      'min-users',
      'include-over18',
      'llm-base-url',
    ]);
  });
});
