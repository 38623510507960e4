export { ModelServers } from './model-servers.ts';
export { opsPack } from './ops.pack.ts';
export { ops } from './ops.service.ts';
