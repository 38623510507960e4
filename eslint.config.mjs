import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import tseslint from 'typescript-eslint';

/** Which kinds of project a kind may import, and which packages from outside (undefined: any that it declares). */
const KINDS = {
  kernel: { imports: [], packages: ['zod'] },
  contracts: { imports: ['kernel'], packages: ['zod'] },
  domain: { imports: ['kernel', 'contracts'], packages: ['zod'] },
  data: { imports: ['kernel', 'contracts', 'domain'] },
  adapter: { imports: ['kernel', 'contracts'] },
  // Adapters whose subject is a charter or a projection, both of which are the domain's words.
  'domain-adapter': { imports: ['kernel', 'contracts', 'domain'] },
  kit: { imports: ['kernel', 'contracts', 'adapter'] },
  runtime: { imports: ['kernel', 'contracts', 'domain', 'data', 'adapter', 'domain-adapter', 'kit'] },
  app: { imports: ['kernel', 'contracts', 'domain', 'data', 'adapter', 'domain-adapter', 'kit', 'runtime'] },
  station: { imports: ['kernel', 'contracts', 'domain', 'data', 'adapter', 'domain-adapter', 'kit', 'runtime', 'app'] },
  cli: {
    imports: ['kernel', 'contracts', 'domain', 'data', 'adapter', 'domain-adapter', 'kit', 'runtime', 'app', 'station'],
  },
  testing: { imports: ['kernel', 'contracts', 'adapter'] },
};
const FOR_TESTS = ['@vt/testing', '@jest/globals', 'fast-check'];

const root = import.meta.dirname;
const projects = ['libs', 'apps'].flatMap((area) =>
  readdirSync(join(root, area)).map((folder) => {
    const {
      name,
      valueTrain,
      dependencies = {},
      devDependencies = {},
    } = JSON.parse(readFileSync(join(root, area, folder, 'package.json'), 'utf8'));
    return {
      folder: `${area}/${folder}`,
      name,
      kind: valueTrain.kind,
      declared: Object.keys(dependencies),
      forTests: Object.keys(devDependencies),
    };
  }),
);

const escape = (name) => name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

/** Refuses every import of a package that is not on the list. The rule reads no cache, so it can not skip itself. */
const onlyImports = (allowed, message, builtIns = true) => ({
  'no-restricted-imports': [
    'error',
    {
      patterns: [
        // Not relative, and not one of these or a path below one of them.
        { regex: `^(?!\\.|${builtIns ? 'node:|' : ''}(?:${allowed.map(escape).join('|') || '\\0'})(?:/|$))`, message },
        { regex: '/(src|dist)/', message: 'Import a project by its name.' },
      ],
    },
  ],
});

const boundaries = projects.flatMap(({ folder, name, kind, declared, forTests }) => {
  const { imports, packages } = KINDS[kind];
  const ours = projects.filter((other) => other.name !== name && imports.includes(other.kind)).map(({ name }) => name);
  const outside = packages ?? declared.filter((dependency) => !dependency.startsWith('@vt/'));
  const message = `${name} is of kind ${kind}: it imports ${imports.join(', ') || 'no project'} and the packages that it declares. See ARCHITECTURE.md.`;
  return [
    {
      files: [`${folder}/src/**/*.ts`],
      ignores: ['**/*.{spec,int}.ts', '**/testing/**'],
      rules: {
        ...onlyImports([...ours, ...outside], message, packages === undefined),
        ...(packages && {
          'no-restricted-globals': ['error', { name: 'process', message: 'Rules do not know where they run.' }],
        }),
      },
    },
    {
      files: [`${folder}/src/**/*.{spec,int}.ts`],
      rules: onlyImports(
        [
          ...ours,
          name,
          ...outside,
          ...declared,
          ...forTests,
          ...FOR_TESTS,
          '@vt/event-store',
          '@vt/servers',
          'pg',
          '@nats-io',
          'yaml',
        ],
        message,
      ),
    },
  ];
});

/** Rules get everything they need as arguments: no clock, no chance, no machine, no waiting. */
const rulesArePure = {
  files: ['**/*.decider.ts', '**/*.reactions.ts', '**/*.projection.ts'],
  rules: {
    'no-restricted-globals': [
      'error',
      { name: 'Date', message: 'Time comes in on the command, or with the event.' },
      { name: 'process', message: 'Rules do not know where they run.' },
      { name: 'crypto', message: 'Ids come in on the command.' },
    ],
    'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: 'Rules are deterministic.' }],
    'no-restricted-syntax': [
      'error',
      { selector: 'AwaitExpression', message: 'Rules do not wait.' },
      { selector: 'ImportDeclaration[source.value=/^node:/]', message: 'Rules do not know where they run.' },
    ],
  },
};

export default tseslint.config(
  { ignores: ['**/dist/', '**/node_modules/', '.value-train/', '.nx/', 'coverage/', 'deploy/helm/**'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: root } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/only-throw-error': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportAllDeclaration[exported=null]', message: 'Name what a library gives.' },
        { selector: 'TSEnumDeclaration', message: 'Use z.enum or `as const`.' },
      ],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'prefer-const': 'error',
      'no-console': 'off',
      'max-lines': ['error', { max: 420, skipBlankLines: true, skipComments: true }],
    },
  },
  ...boundaries,
  rulesArePure,
  {
    files: ['**/*.{spec,int}.ts'],
    rules: {
      'no-restricted-globals': ['error', { name: 'setTimeout', message: 'Wait for the condition, not for the time.' }],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'MemberExpression[object.name=/^(it|test|describe)$/][property.name=/^(only|skip|todo)$/]',
          message: 'Every test runs.',
        },
      ],
      'max-lines': 'off',
    },
  },
);
