// Everything that needs no server: format, lint, types, unit tests, documents.
import { build, step, unitTests } from './steps.ts';

step('format', 'prettier', ['--check', '--log-level', 'warn', '.']);
build();
step('types', 'tsc', ['--noEmit', '-p', 'tsconfig.json']);
step('lint', 'eslint', ['--max-warnings', '0', '.']);
unitTests();
step('documents', 'node', ['tools/docs.ts', '--check']);
