export { cost } from './cost.service.ts';
