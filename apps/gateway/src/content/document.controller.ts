import { Controller } from '@nestjs/common';
import { z } from 'zod';
import { Handles, operations } from '../edge/handles.ts';
import { openApiDocument } from '../edge/openapi.ts';
import { operation, type Answered, type Incoming } from '../edge/operation.ts';

const API_VERSION = '1.0.0';

const getOpenApi = operation({
  id: 'getOpenApi',
  method: 'GET',
  path: '/openapi.json',
  tag: 'document',
  summary: 'This document',
  role: 'anyone',
  answer: { status: 200, description: 'The OpenAPI 3.1 document.', schema: z.looseObject({ openapi: z.string() }) },
});

@Controller()
export class DocumentController {
  @Handles(getOpenApi)
  openApi(_: Incoming<typeof getOpenApi>): Promise<Answered> {
    return Promise.resolve({ body: openApiDocument(operations(), API_VERSION) });
  }
}
