// Every test, on real servers. Arguments go to jest: `npm test -- libs/event-store`.
import { build, JEST, step } from './steps.ts';

build();
step('tests', 'jest', process.argv.slice(2), JEST);
