import { expect, it } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const require = createRequire(__filename);
const root = resolve(import.meta.dirname, '..', '..');
const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
const reference = (name: string) => join(root, 'docs/reference', name);

/** Every `$ref` below a value that is no place in the document. */
function danglingRefs(document: unknown, value = document): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const ref: unknown = '$ref' in value ? value.$ref : undefined;
  const dangling = typeof ref === 'string' && placeOf(document, ref) === undefined ? [ref] : [];
  return [...dangling, ...Object.values(value).flatMap((each) => danglingRefs(document, each))];
}

const placeOf = (document: unknown, ref: string): unknown =>
  ref
    .replace(/^#\//, '')
    .split('/')
    .reduce((at, step) => (at as Record<string, unknown> | undefined)?.[step], document);

it('describes the events in AsyncAPI 3.1', () => {
  const schema = read(require.resolve('@asyncapi/specs/schemas/3.1.0-without-$id.json')) as object;
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats.default(ajv);
  const document = read(reference('asyncapi.json'));
  const valid = ajv.validate(schema, document);
  expect(valid ? [] : ajv.errors).toEqual([]);
  expect(danglingRefs(document)).toEqual([]);
});

it('describes the API in OpenAPI 3.1', async () => {
  expect(await new Validator().validate(reference('openapi.json'))).toEqual({ valid: true });
  expect(danglingRefs(read(reference('openapi.json')))).toEqual([]);
});
