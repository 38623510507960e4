export { specify } from './given.ts';
