// Starts a new thing where it belongs:
//   npm run new -- event <Name> <train|session|risk|cost|access>   an event, in the catalogue, with its golden file
//   npm run new -- tool <agent> <phase-file> <tool>                 a behaviour of an agent, in its pack
//   npm run new -- service <name>                                   a service, in an app of its own
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..', '..');
const file = (path: string) => join(root, path);
const read = (path: string) => readFileSync(file(path), 'utf8');

function write(path: string, text: string): void {
  mkdirSync(resolve(file(path), '..'), { recursive: true });
  writeFileSync(file(path), text);
  process.stdout.write(`wrote ${path}\n`);
}

function create(path: string, text: string): void {
  if (existsSync(file(path))) stop(`${path} exists already`);
  write(path, text);
}

/** Puts text before a mark that the file must have. */
function insertBefore(path: string, mark: string, text: string): void {
  const content = read(path);
  const at = content.indexOf(mark);
  if (at < 0) stop(`${path} has no "${mark}" to put the new entry before`);
  write(path, content.slice(0, at) + text + content.slice(at));
}

function stop(line: string): never {
  process.stderr.write(`${line}\n`);
  process.exit(2);
}

const camel = (slug: string) => slug.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
const pascal = (slug: string) => camel(slug).replace(/^./, (letter) => letter.toUpperCase());

function event([name, kind]: readonly string[]): void {
  if (!name || !/^[A-Z][A-Za-z]+$/.test(name)) stop('name the event in the past tense, such as PhaseCompleted');
  if (!kind || !existsSync(file(`libs/contracts/src/${kind}.events.ts`))) {
    stop('say whose event it is: train, session, risk, cost or access');
  }
  const path = `libs/contracts/src/${kind}.events.ts`;
  write(
    path,
    `${read(path)}\nexport const ${name} = defineEvent('${name}', 'What happened, in one sentence.', {\n  trainId: TrainId,\n});\n`,
  );
  insertBefore('libs/contracts/src/catalogue.ts', ']);\nexport type DomainEvent', `  ${kind}.${name},\n`);
  create(
    `libs/contracts/src/golden/${name}.v1.json`,
    `${JSON.stringify({ type: name, data: { trainId: '0191b2c4-6f3e-4a75-9d4e-2f1c0a9b8d7e' } }, null, 2)}\n`,
  );
  process.stdout.write(
    'next: give it its fields and its sentence, in the schema and in the golden file, then npm run docs\n',
  );
}

function tool([agent, phaseFile, name]: readonly string[]): void {
  if (!agent || !existsSync(file(`apps/${agent}/src/${agent}.pack.ts`))) stop('name an agent that has a pack');
  if (!phaseFile || !name || !/^[a-z][a-z0-9-]*$/.test(name)) stop('name the file of the phase and the tool, as slugs');
  const path = `apps/${agent}/src/behaviours/${phaseFile}.ts`;
  const action = `\nexport const ${camel(name)}: Action = async (context) => {\n  context.signal.throwIfAborted();\n};\n`;
  const header = "import type { Action } from '@vt/agent-runtime';\n";
  write(path, existsSync(file(path)) ? read(path) + action : header + action);
  insertBefore(`apps/${agent}/src/${agent}.pack.ts`, '  },\n};', `    '${agent}.${name}': ${camel(name)},\n`);
  process.stdout.write(
    `next: import ${camel(name)} in the pack, and give the pipeline an action with the tool ${agent}.${name}\n`,
  );
}

function service([name]: readonly string[]): void {
  if (!name || !/^[a-z][a-z-]*$/.test(name)) stop('name the service, as a slug');
  const dependencies = { '@vt/kernel': '*', '@vt/messaging': '*', '@vt/service': '*', zod: '4.6.7' };
  create(
    `apps/${name}/package.json`,
    `${JSON.stringify(
      {
        name: `@vt/app-${name}`,
        version: '0.1.0',
        private: true,
        description: 'What it does, in one sentence.',
        license: 'Apache-2.0',
        type: 'module',
        valueTrain: { kind: 'app' },
        exports: { '.': { '@vt/source': './src/index.ts', default: './dist/index.js' } },
        scripts: { build: 'node ../../tools/build.mjs' },
        dependencies,
      },
      null,
      2,
    )}\n`,
  );
  create(
    `apps/${name}/src/${name}.service.ts`,
    `import type { ServiceDefinition } from '@vt/service';
import { z } from 'zod';

const Settings = z.object({});

class ${pascal(name)}Module {}

/** What it does, in one sentence. */
export const ${camel(name)}: ServiceDefinition<z.infer<typeof Settings>> = {
  name: '${name}',
  settings: Settings,
  module: () => ({ module: ${pascal(name)}Module, controllers: [], providers: [] }),
};
`,
  );
  create(`apps/${name}/src/index.ts`, `export { ${camel(name)} } from './${name}.service.ts';\n`);
  create(
    `apps/${name}/src/main.ts`,
    `import { runService } from '@vt/service';\n\nawait runService(async () => (await import('./index.ts')).${camel(name)});\n`,
  );
  process.stdout.write(`next: npm install, add it to apps/station, docker-compose.yml and the chart's values\n`);
}

const GENERATORS: Readonly<Record<string, (words: readonly string[]) => void>> = { event, tool, service };
const [what = '', ...words] = process.argv.slice(2);
(GENERATORS[what] ?? (() => stop(`npm run new -- ${Object.keys(GENERATORS).join('|')} …`)))(words);
