import { Controller, Inject, StreamableFile } from '@nestjs/common';
import { Artifact } from '@vt/contracts';
import { Digest } from '@vt/kernel';
import type { Reader } from '@vt/read-models';
import { Problem } from '@vt/service';
import { basename } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { z } from 'zod';
import type { Doors } from '../doors.ts';
import { Handles } from '../edge/handles.ts';
import { operation, type Answered, type Incoming } from '../edge/operation.ts';
import { ConfigToken, DoorsToken, ReaderToken } from '../edge/tokens.ts';
import type { GatewayConfig } from '../gateway.config.ts';
import { OfTrain } from '../trains/train-operations.ts';
import { ROWS_OF_TRAIN_MAX, trainOf } from '../trains/trains.controller.ts';
import { VIEWS } from '../views.ts';

const tag = 'artifacts';

const uploadArtifact = operation({
  id: 'uploadArtifact',
  method: 'PUT',
  path: '/v1/artifacts/{digest}',
  tag,
  summary: 'Upload content under its own digest',
  role: 'operator',
  params: z.object({ digest: Digest.describe('`sha256:` and 64 hexadecimal digits, of what is sent.') }),
  takesStream: true,
  answer: {
    status: 201,
    description: 'It is kept.',
    schema: Artifact.pick({ digest: true, size: true, mediaType: true }),
  },
});

const ShelvedArtifact = Artifact.extend({
  phase: z.string().nullable().describe('null: what the train was started with.'),
  cycle: z.int(),
  accepted: z.boolean().describe('The gate let it out; before that, it is an attempt.'),
});

const listArtifacts = operation({
  id: 'listArtifacts',
  method: 'GET',
  path: '/v1/trains/{trainId}/artifacts',
  tag,
  summary: 'List the files of a train',
  role: 'viewer',
  params: OfTrain,
  answer: { status: 200, description: 'Its files.', schema: z.object({ items: z.array(ShelvedArtifact) }) },
});

const downloadArtifact = operation({
  id: 'downloadArtifact',
  method: 'GET',
  path: '/v1/trains/{trainId}/artifacts/{digest}',
  tag,
  summary: 'Download a file of a train',
  role: 'viewer',
  params: OfTrain.extend({ digest: Digest }),
  answer: { status: 200, description: 'The content.', mediaType: '*/*' },
});

@Controller()
export class ArtifactsController {
  constructor(
    @Inject(ConfigToken) private readonly config: GatewayConfig,
    @Inject(ReaderToken) private readonly reader: Reader,
    @Inject(DoorsToken) private readonly doors: Doors,
  ) {}

  @Handles(uploadArtifact)
  async upload({ params, request }: Incoming<typeof uploadArtifact>): Promise<Answered> {
    const mediaType = request.headers['content-type'] ?? 'application/octet-stream';
    const content = contentOf(request.body, this.config.UPLOAD_BYTES_MAX);
    const { digest, size } = await this.doors.artifacts.put(content);
    if (digest === params.digest) return { body: { digest, size, mediaType } };
    throw new Problem(422, 'digest-mismatch', `what came is ${digest}, not ${params.digest}: send it again`);
  }

  @Handles(listArtifacts)
  async list({ principal, params }: Incoming<typeof listArtifacts>): Promise<Answered> {
    const { value, position } = await this.shelved(principal.tenant, params.trainId);
    return { body: { items: value }, position };
  }

  @Handles(downloadArtifact)
  async download({ principal, params, reply }: Incoming<typeof downloadArtifact>): Promise<Answered> {
    const { value, position } = await this.shelved(principal.tenant, params.trainId);
    const artifact = value.find(({ digest }) => digest === params.digest);
    if (artifact === undefined) {
      throw new Problem(404, 'not-found', `train ${params.trainId} has no file with the content ${params.digest}`);
    }
    reply.header('etag', `"${artifact.digest}"`).header('cache-control', 'private, immutable');
    const stream = await this.doors.artifacts.get(artifact.digest);
    const disposition = `attachment; filename*=UTF-8''${encodeURIComponent(basename(artifact.path))}`;
    return {
      body: new StreamableFile(stream, { type: artifact.mediaType, disposition, length: artifact.size }),
      position,
    };
  }

  private shelved(tenant: Incoming<typeof listArtifacts>['principal']['tenant'], trainId: string) {
    return this.reader.snapshot(tenant, async (rows) => {
      await trainOf(rows, trainId);
      const shelves = await rows(VIEWS.shelves, { where: { trainId }, limit: ROWS_OF_TRAIN_MAX });
      return shelves.flatMap(({ phase, cycle, accepted, artifacts }) =>
        artifacts.map((artifact) => ({ ...artifact, phase, cycle, accepted })),
      );
    });
  }
}

/** The server has read short texts already, and taken JSON apart; everything else comes as a stream. */
function contentOf(body: unknown, bytesMax: number): Readable | Buffer {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Readable) return body.pipe(limit(body, bytesMax));
  throw new Problem(415, 'unsupported-media-type', 'send JSON as application/octet-stream, so that no byte is lost');
}

/** Passes on what comes, and fails when it is too much. */
function limit(source: Readable, bytesMax: number): Transform {
  let bytes = 0;
  const passing = new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length;
      if (bytes <= bytesMax) return done(null, chunk);
      done(new Problem(413, 'too-large', `an upload has at most ${bytesMax} bytes`));
    },
  });
  // A client that goes away in the middle must not leave half a file that looks whole.
  source.once('error', (error) => passing.destroy(error));
  source.once('aborted', () => passing.destroy(new Error('the client went away')));
  return passing;
}
