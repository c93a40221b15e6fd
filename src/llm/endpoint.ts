import { lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { Agent } from 'undici';
import { InputError } from '../core/errors.js';

/**
 * Link-local and cloud metadata addresses: nobody serves a language model there, and what does answer gives away the
 * machine's credentials. Loopback and private networks stay open: that is where local models run.
 */
const FORBIDDEN = new BlockList();
FORBIDDEN.addSubnet('169.254.0.0', 16, 'ipv4');
FORBIDDEN.addSubnet('fe80::', 10, 'ipv6');
FORBIDDEN.addAddress('fd00:ec2::254', 'ipv6');
FORBIDDEN.addAddress('100.100.100.200', 'ipv4'); // Alibaba Cloud's metadata service

/** Checks what the configuration names as endpoint. Throws `ERR_LLM_ENDPOINT`. */
export function parseEndpoint(baseURL: string): URL {
  const fail = (problem: string): never => {
    throw new InputError(
      'ERR_LLM_ENDPOINT',
      `The language model's base URL ${problem}. Set MINE_PERSONAS_LLM_BASE_URL to something like http://127.0.0.1:8080/v1.`,
    );
  };
  if (!URL.canParse(baseURL)) return fail('is not a URL');
  const url = new URL(baseURL);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') fail(`uses ${url.protocol}, expected http: or https:`);
  if (url.username !== '' || url.password !== '')
    fail('holds a user name or password; the key belongs in MINE_PERSONAS_LLM_API_KEY');
  if (isForbidden(url.hostname.replace(/^\[|\]$/g, ''))) fail(`points at ${url.hostname}, a link-local address`);
  return url;
}

/**
 * Connections without undici's limit of 300 s until the first byte: a completion sends its headers only when it is
 * finished, and slow models take longer. Addresses are checked again after the name was resolved.
 */
export function endpointAgent(): Agent {
  return new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: { lookup: guardedLookup } });
}

const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, '', 0);
    const forbidden = addresses.find(({ address }) => isForbidden(address));
    if (forbidden)
      return callback(new Error(`${hostname} resolves to ${forbidden.address}, a link-local address`), '', 0);
    if (options.all) return callback(null, addresses);
    callback(null, addresses[0].address, addresses[0].family);
  });
};

function isForbidden(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host === 'metadata.google.internal';
  return FORBIDDEN.check(host, family === 6 ? 'ipv6' : 'ipv4');
}
