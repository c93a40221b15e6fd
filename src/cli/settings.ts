import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { InputError, messageOf, PrivacyError, UsageError } from '../core/errors.js';
import { configSchema, type RunConfig } from '../pipeline/config.js';

type Key = keyof RunConfig;
const KEYS = Object.keys(configSchema.shape) as Key[];

/** Where a setting came from; later ones win. */
export type Origin = 'default' | 'run' | 'config file' | 'environment' | 'flag';

export interface ResolvedSettings {
  readonly config: RunConfig;
  readonly origin: Readonly<Record<Key, Origin>>;
}

/** Adds a flag for every setting named; their help, types and defaults come from `configSchema`. */
export function addSettingFlags(command: Command, keys: readonly Key[] = KEYS): Command {
  for (const key of keys) {
    const { kind, defaultValue, choices } = shapeOf(key);
    const name = `--${kebab(key)}`;
    const help = `${configSchema.shape[key].description}${defaultValue === undefined || defaultValue === false ? '' : ` (default: ${showValue(defaultValue)})`}`;
    const option = new Option(kind === 'boolean' ? name : `${name} <${kind}>`, help);
    if (choices) option.choices(choices);
    else if (kind !== 'boolean') option.argParser((text: string) => parseText(key, text, InvalidArgumentError));
    command.addOption(option);
  }
  return command;
}

/**
 * Flags > `MINE_PERSONAS_*` > configuration file > settings of the run > defaults.
 *
 * @param flags what commander parsed
 * @param saved settings with which the run was made, where a stage of an existing run is asked for
 */
export async function resolveSettings(
  flags: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv,
  configPath: string | undefined,
  saved: Partial<RunConfig> = {},
): Promise<ResolvedSettings> {
  const fromEnvironment: Record<string, unknown> = {};
  for (const key of KEYS) {
    const text = environment[`MINE_PERSONAS_${kebab(key).toUpperCase().replaceAll('-', '_')}`];
    if (text !== undefined) fromEnvironment[key] = parseText(key, text, InputErrorOfEnvironment(key));
  }
  const fromFlags = Object.fromEntries(KEYS.filter((key) => flags[key] !== undefined).map((key) => [key, flags[key]]));
  const layers: [Origin, Record<string, unknown>][] = [
    ['run', saved],
    ['config file', configPath ? await readConfigFile(configPath) : {}],
    ['environment', fromEnvironment],
    ['flag', fromFlags],
  ];
  const origin = Object.fromEntries(KEYS.map((key) => [key, 'default'])) as Record<Key, Origin>;
  const merged: Record<string, unknown> = {};
  for (const [name, layer] of layers)
    for (const key of KEYS)
      if (layer[key] !== undefined) {
        merged[key] = layer[key];
        origin[key] = name;
      }

  const parsed = configSchema.safeParse(merged);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const key = String(issue.path[0]) as Key;
    const ErrorType = origin[key] === 'flag' ? UsageError : InputError;
    throw new ErrorType(
      'ERR_SETTING',
      `--${kebab(key)} (from ${origin[key]}): ${issue.message}, got ${JSON.stringify(merged[key])}.`,
      { key, origin: origin[key] },
    );
  }
  const config = parsed.data;
  if (config.dim % config.heads !== 0)
    throw new UsageError('ERR_SETTING', `--dim ${config.dim} is not a multiple of --heads ${config.heads}.`, {
      key: 'dim',
    });
  if (config.minUsers < 50 && !config.unsafeSmallClusters)
    throw new PrivacyError(
      'ERR_SETTING',
      `--min-users ${config.minUsers} would describe groups of fewer than 50 people. Raise it, or add --unsafe-small-clusters if nobody can be harmed.`,
      { key: 'minUsers' },
    );
  if (config.unit === 'user' && !config.unsafeSmallClusters)
    throw new PrivacyError(
      'ERR_SINGLE_USERS',
      '--unit user would describe single people. Describe groups instead, or add --unsafe-small-clusters if you have a basis for it and nobody can be harmed.',
      { key: 'unit' },
    );
  return { config, origin };
}

async function readConfigFile(path: string): Promise<Record<string, unknown>> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, 'utf8'));
  } catch (thrown) {
    throw new InputError(
      'ERR_CONFIG_FILE',
      `${path} is not a readable JSON file: ${messageOf(thrown)}.`,
      { path },
      { cause: thrown },
    );
  }
  const parsed = z.record(z.string(), z.unknown()).safeParse(content);
  if (!parsed.success) throw new InputError('ERR_CONFIG_FILE', `${path} should hold one JSON object.`, { path });
  for (const key of Object.keys(parsed.data)) {
    if (key === '$schema' || (KEYS as string[]).includes(key)) continue;
    const near = nearest(key, KEYS);
    throw new InputError(
      'ERR_CONFIG_FILE',
      `${path}: unknown setting "${key}".${near ? ` Did you mean "${near}"?` : ''}`,
      { path, key },
    );
  }
  return parsed.data;
}

/** minUsers → min-users */
export function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

interface SettingShape {
  readonly kind: 'boolean' | 'number' | 'text' | 'list' | 'numbers' | 'choice';
  readonly defaultValue?: unknown;
  readonly choices?: readonly string[];
}

function shapeOf(key: Key): SettingShape {
  let schema: z.core.$ZodType = configSchema.shape[key];
  let defaultValue: unknown;
  for (;;) {
    const def = schema._zod.def as z.core.$ZodTypeDef & { innerType?: z.core.$ZodType; defaultValue?: unknown };
    if (def.type === 'default') defaultValue = def.defaultValue;
    if (!def.innerType) break;
    schema = def.innerType;
  }
  const { type } = schema._zod.def;
  if (type === 'enum') {
    const choices = Object.values((schema as z.ZodEnum).enum).map(String);
    return { kind: 'choice', defaultValue, choices };
  }
  const kind =
    type === 'boolean'
      ? 'boolean'
      : type === 'number' || type === 'union'
        ? 'number'
        : type === 'array'
          ? (schema as z.ZodArray<z.ZodType>).element._zod.def.type === 'number'
            ? 'numbers'
            : 'list'
          : 'text';
  return { kind, defaultValue };
}

function parseText(key: Key, text: string, ErrorType: new (message: string) => Error): unknown {
  const { kind, choices } = shapeOf(key);
  const number = (part: string) => {
    const value = Number(part);
    if (part.trim() === '' || Number.isNaN(value)) throw new ErrorType(`expected a number, got "${part}".`);
    return value;
  };
  if (kind === 'boolean') {
    if (!['1', 'true', '0', 'false'].includes(text)) throw new ErrorType(`expected true or false, got "${text}".`);
    return text === '1' || text === 'true';
  }
  if (kind === 'number') return key === 'clusters' && text === 'auto' ? 'auto' : number(text);
  if (kind === 'list') return text === '' ? [] : text.split(',');
  if (kind === 'numbers') return text.split(',').map(number);
  if (choices && !choices.includes(text)) throw new ErrorType(`expected one of ${choices.join(', ')}, got "${text}".`);
  return text;
}

function InputErrorOfEnvironment(key: Key): new (message: string) => Error {
  return class extends InputError {
    constructor(message: string) {
      super('ERR_ENVIRONMENT', `MINE_PERSONAS_${kebab(key).toUpperCase().replaceAll('-', '_')}: ${message}`, { key });
    }
  };
}

function showValue(value: unknown): string {
  return Array.isArray(value) ? value.join(',') : String(value);
}

/** The known word at the smallest edit distance, if it is near enough to be a slip. */
function nearest(word: string, known: readonly string[]): string | undefined {
  const distance = (a: string, b: string): number => {
    let row = Array.from({ length: b.length + 1 }, (_, j) => j);
    for (let i = 1; i <= a.length; i++) {
      const next = [i];
      for (let j = 1; j <= b.length; j++)
        next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      row = next;
    }
    return row[b.length];
  };
  const [best] = known
    .map((candidate) => ({ candidate, d: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.d - b.d);
  return best && best.d <= Math.max(2, word.length / 3) ? best.candidate : undefined;
}
