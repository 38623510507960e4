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

// A selector can not hold a slash, not even one with a backslash before it.
const SLASH = '\\x2f';
const escape = (name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('/', SLASH);

/** Syntax that is refused everywhere; each entry that refuses more repeats it, because the last one counts. */
const PLAIN_SYNTAX = [
  { selector: 'ExportAllDeclaration[exported=null]', message: 'Name what a library gives.' },
  { selector: 'TSEnumDeclaration', message: 'Use z.enum or `as const`.' },
];

/** Refuses every import of a package that is not on the list. The rules read no cache, so they can not skip themselves. */
const onlyImports = (allowed, message, builtIns = true) => {
  const patterns = [
    // Not relative, and not one of these or a path below one of them.
    {
      regex: `^(?!\\.|${builtIns ? 'node:|' : ''}(?:${allowed.map(escape).join('|') || '\\0'})(?:${SLASH}|$))`,
      message,
    },
    { regex: `${SLASH}(src|dist)${SLASH}`, message: 'Import a project by its name.' },
  ];
  const later = patterns.map(({ regex, message }) => ({
    selector: `ImportExpression[source.value=/${regex}/]`,
    message,
  }));
  return {
    'no-restricted-imports': ['error', { patterns }],
    'no-restricted-syntax': ['error', ...PLAIN_SYNTAX, ...later],
  };
};

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

/** The globals that are the language's own, and answer the same at any time and place. */
const PURE_GLOBALS = new Set(
  `Array BigInt Boolean Error Infinity Iterator JSON Map Math NaN Number Object RangeError RegExp Set String Symbol
   SyntaxError TypeError WeakMap WeakSet decodeURIComponent encodeURIComponent isFinite isNaN parseFloat parseInt
   undefined`.split(/\s+/),
);
const IMPURE_GLOBALS = Object.getOwnPropertyNames(globalThis).filter((name) => !PURE_GLOBALS.has(name));
const INSTEAD = {
  Date: 'Time comes in on the command, or with the event.',
  performance: 'Time comes in on the command, or with the event.',
  crypto: 'Ids come in on the command.',
  Promise: 'Rules do not wait.',
};

/** Rules get everything they need as arguments: no clock, no chance, no machine, no waiting. */
const rulesArePure = {
  files: [
    ...projects.filter(({ kind }) => kind === 'domain').map(({ folder }) => `${folder}/src/**/*.ts`),
    ...['decider', 'reactions', 'projection'].map((kind) => `**/*.${kind}.ts`),
  ],
  ignores: ['**/*.{spec,int}.ts', '**/testing/**'],
  rules: {
    'no-restricted-globals': [
      'error',
      ...IMPURE_GLOBALS.map((name) => ({ name, message: INSTEAD[name] ?? 'Rules do not know where they run.' })),
    ],
    'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: 'Rules are deterministic.' }],
    'no-restricted-syntax': [
      'error',
      ...PLAIN_SYNTAX,
      { selector: 'AwaitExpression', message: 'Rules do not wait.' },
      { selector: 'ImportExpression', message: 'Rules do not wait.' },
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
      'no-restricted-syntax': ['error', ...PLAIN_SYNTAX],
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
        ...PLAIN_SYNTAX,
        {
          selector: 'MemberExpression[object.name=/^(it|test|describe)$/][property.name=/^(only|skip|todo)$/]',
          message: 'Every test runs.',
        },
      ],
      'max-lines': 'off',
    },
  },
);
