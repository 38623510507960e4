export { gatewayWith } from './gateway.service.ts';
export { GatewayConfig } from './gateway.config.ts';
export { mintKey } from './keys/api-keys.ts';
