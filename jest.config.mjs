const transform = {
  '^.+\\.ts$': [
    '@swc/jest',
    {
      swcrc: false,
      module: { type: 'commonjs' },
      jsc: {
        target: 'es2024',
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: false },
      },
    },
  ],
};

// The condition `@vt/source` resolves @vt/* to TypeScript sources, so a test never sees a stale build.
const base = {
  transform,
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['@vt/source', 'node', 'node-addons'] },
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/.value-train/'],
  modulePathIgnorePatterns: ['/dist/', '/.value-train/'],
};

// The files that decide: each holds 95 % of its branches by unit tests alone.
const RULES = '{{apps,libs}/*/src/**/*.{decider,reactions,projection},libs/{value-train,risk,cost}/src/*}.ts';

export default {
  // Two cores: one worker leaves room for the servers that the integration tests start.
  maxWorkers: 2,
  collectCoverageFrom: [RULES, '!**/{index,*.spec,*.int}.ts'],
  coverageReporters: ['text-summary'],
  coverageThreshold: { [RULES]: { branches: 95 } },
  projects: [
    { ...base, displayName: 'unit', testMatch: ['<rootDir>/{apps,libs,tools}/**/*.spec.ts'] },
    {
      ...base,
      displayName: 'integration',
      testMatch: ['<rootDir>/{apps,libs,tools}/**/*.int.ts'],
      globalSetup: '<rootDir>/libs/testing/src/global-setup.ts',
      globalTeardown: '<rootDir>/libs/testing/src/global-teardown.ts',
    },
  ],
};
