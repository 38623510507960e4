import { DomainEvent, subjectOfType, type DomainEventType } from '@vt/contracts';
import { z } from 'zod';

interface JsonSchema {
  type?: string | string[];
  description?: string;
  const?: unknown;
  enum?: unknown[];
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  additionalProperties?: JsonSchema | boolean;
  pattern?: string;
  format?: string;
}

const describe = (schema: JsonSchema): string => {
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.anyOf) return schema.anyOf.map(describe).join(' or ');
  if (schema.type === 'array') return `list of ${schema.items ? describe(schema.items) : 'anything'}`;
  if (schema.type === 'object') {
    const fields = Object.keys(schema.properties ?? {});
    if (fields.length > 0) return `{ ${fields.join(', ')} }`;
    return typeof schema.additionalProperties === 'object'
      ? `map to ${describe(schema.additionalProperties)}`
      : 'object';
  }
  return [schema.type, schema.format].filter(Boolean).join(', ') || 'anything';
};

const events = () =>
  DomainEvent.options.map((option) => {
    const schema = z.toJSONSchema(option, { io: 'output' }) as JsonSchema;
    return {
      type: option.shape.type.value as DomainEventType,
      description: schema.description ?? '',
      data: schema.properties!['data']!,
    };
  });

export const eventsPage = () =>
  [
    '# Events',
    '',
    'Generated from `libs/contracts`. Every event has an envelope: `id` (`<stream>@<version>`), `tenant`, `stream`, `version`, `position` in the global log, `at`, `actor`, `causationId`, `correlationId`, `commandId`, and the `hash` that chains its stream.',
    '',
    ...events().flatMap(({ type, description, data }) => [
      `## ${type}`,
      '',
      description,
      '',
      `Subject: \`${subjectOfType(type)}\``,
      '',
      '| field | type |',
      '| --- | --- |',
      ...Object.entries(data.properties ?? {}).map(
        ([name, field]) => `| \`${name}\` | ${describe(field).replaceAll('|', '\\|')} |`,
      ),
      '',
    ]),
  ].join('\n');

/** What an event comes in: CloudEvents 1.0, structured, JSON. */
const CLOUD_EVENT = {
  type: 'object',
  required: ['specversion', 'id', 'source', 'type', 'subject', 'time', 'data', 'position', 'version', 'hash'],
  properties: {
    specversion: { const: '1.0' },
    id: { type: 'string', description: '`<stream>@<version>`; an event that comes again has the same.' },
    source: { type: 'string', description: '`/tenants/<tenant>`' },
    type: { type: 'string' },
    subject: { type: 'string', description: 'The stream.' },
    time: { type: 'string', format: 'date-time' },
    datacontenttype: { const: 'application/json' },
    data: { type: 'object' },
    position: { type: 'integer', description: 'Place in the global log: dense, in order of commit.' },
    version: { type: 'integer', description: 'Place in its stream, from 1.' },
    hash: { type: 'string', description: 'SHA-256 of the hash before it in its stream and its own bytes.' },
    actor: { type: 'string' },
    causationid: { type: 'string' },
    correlationid: { type: 'string' },
  },
};

const HEADERS = {
  type: 'object',
  properties: Object.fromEntries(
    ['vt-position', 'vt-type', 'vt-tenant', 'vt-stream', 'vt-version', 'vt-hash'].map((name) => [
      name,
      { type: 'string' },
    ]),
  ),
};

/** AsyncAPI 3.1: one channel a type of event, on the subjects of JetStream. */
export const asyncApi = () => {
  const list = events();
  return JSON.stringify({
    asyncapi: '3.1.0',
    info: {
      title: 'Value Train events',
      version: '1',
      description: 'What happened on trains, as JetStream stream `VT_EVENTS` has it.',
    },
    defaultContentType: 'application/cloudevents+json',
    channels: Object.fromEntries(
      list.map(({ type, description }) => [
        type,
        { address: subjectOfType(type), description, messages: { [type]: { $ref: `#/components/messages/${type}` } } },
      ]),
    ),
    operations: Object.fromEntries(
      list.map(({ type }) => [`receive${type}`, { action: 'receive', channel: { $ref: `#/channels/${type}` } }]),
    ),
    components: {
      schemas: { CloudEvent: CLOUD_EVENT, Headers: HEADERS },
      messages: Object.fromEntries(
        list.map(({ type, description, data }) => [
          type,
          {
            name: type,
            summary: description,
            headers: { $ref: '#/components/schemas/Headers' },
            payload: {
              allOf: [{ $ref: '#/components/schemas/CloudEvent' }, { properties: { type: { const: type }, data } }],
            },
          },
        ]),
      ),
    },
  });
};
