/**
 * What is wrong with `value` under a JSON Schema of the kind that zod writes: types, const, enum, required, closed
 * objects, property names, arrays, lengths, ranges, patterns and anyOf. Independent of zod, so that the published
 * schema is tested as others read it. An unknown keyword is an error, never ignored.
 */
export function problemsUnder(schema: unknown, value: unknown, path = '$'): string[] {
  const problems: string[] = [];
  const fail = (what: string) => problems.push(`${path}: ${what}`);
  for (const [keyword, rule] of Object.entries(schema as Record<string, unknown>)) {
    switch (keyword) {
      case '$schema':
      case 'title':
      case 'description':
      case 'default':
        break;
      case 'type':
        if (![rule].flat().some((type) => isOfType(value, type as string))) fail(`is not ${rule}`);
        break;
      case 'const':
        if (value !== rule) fail(`is not ${JSON.stringify(rule)}`);
        break;
      case 'enum':
        if (!(rule as unknown[]).includes(value)) fail('is not in the enum');
        break;
      case 'anyOf':
        if (!(rule as unknown[]).some((one) => problemsUnder(one, value, path).length === 0))
          fail('fits no alternative');
        break;
      case 'required':
        for (const key of rule as string[]) if (!Object.hasOwn(value as object, key)) fail(`lacks ${key}`);
        break;
      case 'properties':
        for (const [key, one] of Object.entries(rule as object))
          if (Object.hasOwn(value as object, key))
            problems.push(...problemsUnder(one, (value as Record<string, unknown>)[key], `${path}.${key}`));
        break;
      case 'propertyNames':
        for (const key of Object.keys(value as object)) problems.push(...problemsUnder(rule, key, `${path} key`));
        break;
      case 'additionalProperties': {
        const known = Object.keys((schema as { properties?: object }).properties ?? {});
        for (const [key, one] of Object.entries(value as object).filter(([key]) => !known.includes(key)))
          if (rule === false) fail(`has ${key} too much`);
          else problems.push(...problemsUnder(rule, one, `${path}.${key}`));
        break;
      }
      case 'items':
        (value as unknown[]).forEach((one, n) => {
          problems.push(...problemsUnder(rule, one, `${path}[${n}]`));
        });
        break;
      case 'minItems':
      case 'minLength':
        if (value !== null && (value as string).length < (rule as number)) fail(`is shorter than ${rule}`);
        break;
      case 'maxItems':
      case 'maxLength':
        if (value !== null && (value as string).length > (rule as number)) fail(`is longer than ${rule}`);
        break;
      case 'minimum':
        if ((value as number) < (rule as number)) fail(`is below ${rule}`);
        break;
      case 'exclusiveMinimum':
        if ((value as number) <= (rule as number)) fail(`is not above ${rule}`);
        break;
      case 'maximum':
        if ((value as number) > (rule as number)) fail(`is above ${rule}`);
        break;
      case 'pattern':
        if (!new RegExp(rule as string, 'u').test(value as string)) fail(`does not match ${rule}`);
        break;
      default:
        throw new Error(`${path}: this test does not know the keyword ${keyword}`);
    }
    if (keyword === 'type' && problems.length > 0) return problems;
  }
  return problems;
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}
