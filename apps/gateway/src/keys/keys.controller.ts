import { Controller, Inject } from '@nestjs/common';
import { Role } from '@vt/contracts';
import type { Kept, Reader } from '@vt/read-models';
import { z } from 'zod';
import { Handles } from '../edge/handles.ts';
import { operation, Paged, type Answered, type Incoming } from '../edge/operation.ts';
import { page, pageOf } from '../edge/pages.ts';
import { KeysToken, ReaderToken } from '../edge/tokens.ts';
import { VIEWS } from '../views.ts';
import { mintKey, type ApiKeys } from './api-keys.ts';
import { KeyRow } from './key-ring.projection.ts';

const tag = 'keys';
const ShownKey = KeyRow.omit({ hash: true });

const issueKey = operation({
  id: 'issueKey',
  method: 'POST',
  path: '/v1/keys',
  tag,
  summary: 'Issue an API key; it is shown this once',
  role: 'admin',
  body: z.strictObject({ name: z.string().min(1).describe('Who uses it.'), role: Role }),
  answer: {
    status: 201,
    description: 'The key.',
    schema: z.object({ keyId: z.string(), name: z.string(), role: Role, key: z.string() }),
  },
  secret: true,
});

const revokeKey = operation({
  id: 'revokeKey',
  method: 'DELETE',
  path: '/v1/keys/{keyId}',
  tag,
  summary: 'Revoke an API key',
  role: 'admin',
  params: z.object({ keyId: z.string() }),
  answer: { status: 204, description: 'It opens nothing any more.' },
});

const listKeys = operation({
  id: 'listKeys',
  method: 'GET',
  path: '/v1/keys',
  tag,
  summary: 'List the API keys that were issued',
  role: 'admin',
  query: Paged,
  answer: { status: 200, description: 'A page of keys, without the keys themselves.', schema: pageOf(ShownKey) },
});

const whoAmI = operation({
  id: 'whoAmI',
  method: 'GET',
  path: '/v1/me',
  tag,
  summary: 'Show whom the API key belongs to',
  role: 'viewer',
  answer: {
    status: 200,
    description: 'The principal.',
    schema: z.object({ tenant: z.string(), keyId: z.string(), name: z.string(), role: Role }),
  },
});

@Controller()
export class KeysController {
  constructor(
    @Inject(ReaderToken) private readonly reader: Reader,
    @Inject(KeysToken) private readonly keys: ApiKeys,
  ) {}

  @Handles(issueKey)
  async issue({ principal, body }: Incoming<typeof issueKey>): Promise<Answered> {
    const key = mintKey();
    const { keyId, position } = await this.keys.issue(principal.tenant, key, { ...body, by: principal.name });
    return { body: { keyId, ...body, key }, position };
  }

  @Handles(revokeKey)
  async revoke({ principal, params }: Incoming<typeof revokeKey>): Promise<Answered> {
    const { position } = await this.keys.revoke(principal.tenant, params.keyId, principal.name);
    return { position };
  }

  @Handles(listKeys)
  list({ principal, query }: Incoming<typeof listKeys>): Promise<Answered> {
    return page(this.reader, principal, VIEWS.keys, query, {}, withoutHash);
  }

  @Handles(whoAmI)
  me({ principal }: Incoming<typeof whoAmI>): Promise<Answered> {
    return Promise.resolve({ body: principal });
  }
}

const withoutHash = (row: Kept<KeyRow>) => ShownKey.parse(row);
