import { z } from 'zod';
import type { Operation } from './operation.ts';

const ProblemBody = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What is wrong, and how to mend it.'),
    instance: z.string(),
    code: z.string().describe('For programs: names the rule that said no.'),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  })
  .meta({ description: 'An error, as RFC 9457 writes it.' });

type JsonSchema = Record<string, unknown>;

/** A zod schema as OpenAPI 3.1 takes it, which is JSON Schema 2020-12. */
const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): JsonSchema => {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { target: 'draft-2020-12', io, unrepresentable: 'any' });
  return json;
};

const parametersOf = (schema: z.ZodType, place: 'path' | 'query') => {
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: property,
  }));
};

const header = (description: string, schema: JsonSchema = { type: 'string' }) => ({ description, schema });

function answersOf({ answer, method, role, paged }: Operation & { paged: boolean }) {
  const headers = {
    ...(role === 'anyone' ? {} : { 'VT-Position': header('The log up to here is reflected.', { type: 'integer' }) }),
    ...(method === 'GET' && answer.mediaType === undefined ? { ETag: header('For `If-None-Match`.') } : {}),
    ...(paged ? { Link: header('The next page, as `rel="next"`.') } : {}),
  };
  const content = answer.schema
    ? { 'application/json': { schema: schemaOf(answer.schema, 'output') } }
    : answer.mediaType && { [answer.mediaType]: { schema: {} } };
  return {
    [answer.status]: { description: answer.description, headers, ...(content ? { content } : {}) },
    ...(method === 'GET' && answer.mediaType === undefined ? { 304: { description: 'Nothing has changed.' } } : {}),
    default: {
      description: 'A problem.',
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  };
}

const rolesOf = (role: Operation['role']) =>
  [role]
    .flat()
    .map((each) => `\`${each}\``)
    .join(' or ');

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same key with the same request is answered the same; it is carried out once.',
  schema: { type: 'string', maxLength: 255 },
};

function operationObject(operation: Operation) {
  const { id, method, tag, summary, role, params, query, body, takesStream } = operation;
  const bodySchema = schemaOf(body, 'input');
  const hasBody = Object.keys(bodySchema).length > 0;
  const queries = parametersOf(query, 'query');
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(role === 'anyone'
      ? { security: [] }
      : {
          description: `Needs the role ${rolesOf(role)}.`,
        }),
    parameters: [
      ...parametersOf(params, 'path'),
      ...queries,
      ...(method === 'GET' || takesStream ? [] : [IDEMPOTENCY_KEY]),
    ],
    ...(takesStream ? { requestBody: { required: true, content: { '*/*': { schema: {} } } } } : {}),
    ...(hasBody && !takesStream
      ? { requestBody: { required: true, content: { 'application/json': { schema: bodySchema } } } }
      : {}),
    responses: answersOf({ ...operation, paged: queries.some(({ name }) => name === 'after') }),
  };
}

/** Definitions that schemas bring along, because they hold themselves, belong to the document; `found` gets them. */
const withoutDefinitions = <Part>(part: Part, found: JsonSchema): Part =>
  // The same, but for its references.
  JSON.parse(JSON.stringify(part).replaceAll('"#/$defs/', '"#/components/schemas/'), (_, value: unknown) => {
    if (typeof value !== 'object' || value === null || !('$defs' in value)) return value;
    const { $defs, ...schema } = value;
    Object.assign(found, $defs);
    return schema;
  }) as Part;

/** The OpenAPI 3.1 document of these operations. */
export function openApiDocument(operations: readonly Operation[], version: string) {
  const paths: Record<string, Record<string, unknown>> = {};
  const definitions: JsonSchema = {};
  for (const operation of operations.toSorted((a, b) => a.path.localeCompare(b.path))) {
    paths[operation.path] = { ...paths[operation.path], [operation.method.toLowerCase()]: operationObject(operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Value Train',
      version,
      description: 'Put AI projects on a pipeline of gated phases, and follow them.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [...new Set(operations.map(({ tag }) => tag))].toSorted().map((name) => ({ name })),
    security: [{ apiKey: [] }],
    paths: withoutDefinitions(paths, definitions),
    components: {
      schemas: { ...definitions, Problem: schemaOf(ProblemBody, 'output') },
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'An API key: `vt_…`.' } },
    },
  };
}
