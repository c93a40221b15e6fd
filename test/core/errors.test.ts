import { describe, expect, it } from 'vitest';
import {
  ExternalError,
  InputError,
  IntegrityError,
  MinerError,
  messageOf,
  PrivacyError,
  ResourceError,
  StopRequested,
  UsageError,
} from '../../src/core/errors.js';

describe('MinerError', () => {
  it.each([
    ['UsageError', UsageError],
    ['InputError', InputError],
    ['IntegrityError', IntegrityError],
    ['ResourceError', ResourceError],
    ['ExternalError', ExternalError],
    ['PrivacyError', PrivacyError],
  ] as const)('%s carries its name, code, message, fields and cause', (name, ErrorClass) => {
    const cause = new Error('below');
    const error = new ErrorClass('ERR_EXAMPLE', 'What, where, next.', { path: '/x', line: 3 }, { cause });
    expect(error).toBeInstanceOf(MinerError);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name,
      code: 'ERR_EXAMPLE',
      message: 'What, where, next.',
      fields: { path: '/x', line: 3 },
      cause,
    });
    expect(String(error)).toBe(`${name}: What, where, next.`);
  });

  it('has no fields and no cause unless given some', () => {
    const error = new InputError('ERR_EXAMPLE', 'text');
    expect(error.fields).toEqual({});
    expect('cause' in error).toBe(false);
  });

  it('tells the kinds apart', () => {
    expect(new InputError('ERR_EXAMPLE', '')).not.toBeInstanceOf(UsageError);
  });
});

describe('StopRequested', () => {
  it('needs no arguments and says how to go on', () => {
    expect(new StopRequested()).toMatchObject({ name: 'StopRequested', code: 'ERR_STOPPED' });
    expect(new StopRequested().message).toContain('again');
  });
});

describe('messageOf', () => {
  it('reads errors and everything else that can be thrown', () => {
    expect(messageOf(new TypeError('wrong'))).toBe('wrong');
    expect(messageOf('plain')).toBe('plain');
    expect(messageOf(undefined)).toBe('undefined');
    expect(messageOf(null)).toBe('null');
    expect(messageOf({ toString: () => 'object' })).toBe('object');
  });
});
