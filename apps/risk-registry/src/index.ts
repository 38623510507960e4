export { riskRegistry } from './risk-registry.service.ts';
