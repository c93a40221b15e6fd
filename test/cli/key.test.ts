import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadKey } from '../../src/cli/key.js';
import { messageOf } from '../../src/core/errors.js';
import { temporaryFolders } from '../artifacts/folders.js';

const newFolder = temporaryFolders();
const HEX = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';

function keyFile(content: string): string {
  const path = `${newFolder()}/key`;
  writeFileSync(path, content);
  return path;
}

describe('loadKey', () => {
  it('makes a key of one’s own once, which only its owner can read, and uses it again', async () => {
    const folder = `${newFolder()}/config`;
    const environment = { XDG_CONFIG_HOME: folder };
    const first = await loadKey(undefined, environment);
    expect(first).toMatchObject({ created: true, path: `${folder}/mine-personas/key` });
    expect(statSync(first.path).mode & 0o777).toBe(0o600);
    expect(statSync(`${folder}/mine-personas`).mode & 0o777).toBe(0o700);
    expect(readFileSync(first.path, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
    expect(await loadKey(undefined, environment)).toEqual({ ...first, created: false });
  });

  it('makes another key for everybody', async () => {
    const one = await loadKey(undefined, { XDG_CONFIG_HOME: newFolder() });
    const other = await loadKey(undefined, { XDG_CONFIG_HOME: newFolder() });
    expect(other.key).not.toEqual(one.key);
    expect(other.keyFingerprint).not.toBe(one.keyFingerprint);
  });

  it('takes an empty XDG_CONFIG_HOME as none, rather than the folder one happens to be in', async () => {
    const homeFolder = newFolder();
    const before = process.env['HOME'];
    process.env['HOME'] = homeFolder;
    try {
      for (const environment of [{ XDG_CONFIG_HOME: '' }, {}])
        expect((await loadKey(undefined, environment)).path).toBe(`${homeFolder}/.config/mine-personas/key`);
    } finally {
      if (before === undefined) delete process.env['HOME'];
      else process.env['HOME'] = before;
    }
  });

  it('derives the same key and fingerprint from the same file for ever', async () => {
    const expected = {
      key: Uint32Array.of(1712499475, 3212355876, 4152859971, 2335908896),
      keyFingerprint: 'dcbf0035c828db9d',
      created: false,
    };
    for (const content of [HEX, `${HEX}\n`, `${HEX.toUpperCase()}\r\n`])
      expect(await loadKey(keyFile(content), {})).toMatchObject(expected);
  });

  it('publishes a fingerprint that does not contain the key', async () => {
    const { key, keyFingerprint } = await loadKey(keyFile(HEX), {});
    expect(keyFingerprint).toMatch(/^[0-9a-f]{16}$/);
    const keyText = Buffer.from(key.buffer).toString('hex');
    expect(keyText).not.toContain(keyFingerprint.slice(0, 8));
    expect(HEX).not.toContain(keyFingerprint.slice(0, 8));
  });

  it.each([
    ['empty', ''],
    ['too short', HEX.slice(2)],
    ['too long', `${HEX}00`],
    ['no hex', HEX.replace('0', 'g')],
    ['two lines', `${HEX}\n${HEX}\n`],
    ['a private key of another kind', '-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n'],
  ])('refuses a file that is %s, without repeating what it holds', async (_, content) => {
    const path = keyFile(content);
    const refused = loadKey(path, {});
    await expect(refused).rejects.toMatchObject({ code: 'ERR_KEY', fields: { path } });
    const message = await refused.then(String, messageOf);
    if (content) expect(message).not.toContain(content.slice(0, 8));
  });

  it('refuses a key file that is not there instead of making one', async () => {
    const path = `${newFolder()}/none`;
    await expect(loadKey(path, {})).rejects.toMatchObject({ code: 'ERR_KEY', fields: { path } });
    expect(existsSync(path)).toBe(false);
  });

  it('refuses a folder', async () => {
    await expect(loadKey(newFolder(), {})).rejects.toMatchObject({ code: 'ERR_KEY' });
  });

  it('says so where no key can be kept', async () => {
    const file = keyFile('a file where a folder should be');
    await expect(loadKey(undefined, { XDG_CONFIG_HOME: file })).rejects.toMatchObject({ code: 'ERR_KEY' });
    const dangling = newFolder(); // reading finds nothing, writing finds a link: works for root, too
    mkdirSync(`${dangling}/mine-personas`);
    symlinkSync(`${dangling}/nowhere/key`, `${dangling}/mine-personas/key`);
    await expect(loadKey(undefined, { XDG_CONFIG_HOME: dangling })).rejects.toMatchObject({
      code: 'ERR_KEY',
      message: expect.stringContaining('--key-file'),
    });
  });
});
