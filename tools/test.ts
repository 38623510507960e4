// Every test, on real servers. Arguments go to jest: `npm test -- libs/event-store`.
import { build, JEST, step, unitTests } from './steps.ts';

const chosen = process.argv.slice(2);
build();
if (chosen.length > 0) {
  step('tests', 'jest', chosen, JEST);
} else {
  unitTests();
  step('integration tests', 'jest', ['--selectProjects', 'integration'], JEST);
}
