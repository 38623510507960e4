import type { FastifyInstance } from 'fastify';
import { createHash } from 'node:crypto';

/** Gives every JSON answer to a GET a tag made of its content, and sends nothing to who has that content already. */
export function answerConditionally(server: FastifyInstance): void {
  server.addHook('onSend', (request, reply, payload, done) => {
    if (request.method !== 'GET' || reply.statusCode !== 200 || typeof payload !== 'string') return done(null, payload);
    if (!String(reply.getHeader('content-type')).startsWith('application/json')) return done(null, payload);
    const etag = `"${createHash('sha256').update(payload).digest('base64url').slice(0, 27)}"`;
    reply.header('etag', etag).header('cache-control', 'private, no-cache');
    const known = request.headers['if-none-match']?.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
    if (!known?.includes(etag) && !known?.includes('*')) return done(null, payload);
    reply.code(304).removeHeader('content-type');
    done(null, '');
  });
}
