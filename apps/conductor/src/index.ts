export { conductor } from './conductor.service.ts';
