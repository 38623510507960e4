// Starts a new thing where it belongs, in the shape of those that are there.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { format, resolveConfig } from 'prettier';

const root = resolve(import.meta.dirname, '..', '..');
const USAGE = `npm run new -- event <Name> <train|session|risk|cost|access|serving>    an event, in the catalogue, with its golden file
npm run new -- behaviour <agent> <file> <tool>                  a tool of an agent, in its pack
npm run new -- service <name>                                   a service, in an app of its own`;
const TRAIN_ID = '0191b2c4-6f3e-4a75-9d4e-2f1c0a9b8d7e';

const has = (path: string) => existsSync(join(root, path));
const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** Everything is made before anything is written: a refusal leaves no half of a thing behind. */
const files = new Map<string, string>();
const create = (path: string, text: string) => (has(path) ? stop(`${path} exists already`) : files.set(path, text));
const change = (path: string, mend: (text: string) => string) => files.set(path, mend(read(path)));

function stop(line: string): never {
  process.stderr.write(`${line}\n`);
  process.exit(1);
}

/** Puts text after the last place that matches. */
function after(text: string, pattern: RegExp, addition: string): string {
  const last = [...text.matchAll(pattern)].at(-1);
  if (!last) stop(`there is nothing like ${pattern} to put the new entry after`);
  const at = last.index + last[0].length;
  return text.slice(0, at) + addition + text.slice(at);
}

const camel = (slug: string) => slug.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const pascal = (slug: string) => camel(slug).replace(/^./, (letter) => letter.toUpperCase());
const isSlug = (word: string | undefined): word is string => /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(word ?? '');

function event([name = '', kind = '']: readonly string[]): string {
  if (!/^[A-Z][A-Za-z]+$/.test(name)) stop('name the event in the past tense, such as PhaseCompleted');
  const path = `libs/contracts/src/${kind}.events.ts`;
  if (!has(path)) stop('say whose event it is: train, session, risk, cost, access or serving');
  // What each kind has in all its events.
  const [fields, sample] =
    kind === 'access'
      ? ['keyId: z.string()', { keyId: 'ci' }]
      : kind === 'session'
        ? ['...session', { trainId: TRAIN_ID, ticketId: `training_1_1_${TRAIN_ID}`, phase: 'training' }]
        : ['trainId: TrainId', { trainId: TRAIN_ID }];
  create(`libs/contracts/src/golden/${name}.v1.json`, JSON.stringify({ type: name, data: sample }, null, 2));
  change(
    path,
    (text) =>
      `${text}\nexport const ${name} = defineEvent('${name}', 'What happened, in one sentence.', { ${fields} });\n`,
  );
  change('libs/contracts/src/catalogue.ts', (text) =>
    after(text, new RegExp(`^  ${kind}\\.\\w+,\n`, 'gm'), `  ${kind}.${name},\n`),
  );
  return 'give it its fields and its sentence, in the schema and in the golden file; then npm run docs';
}

function behaviour([agent = '', file, tool]: readonly string[]): string {
  const pack = `apps/${agent}/src/${agent}.pack.ts`;
  if (!has(pack))
    stop(`${agent || 'nobody'} is no agent that has a pack: onboarder, lab, studio, ops, evaluator, improver`);
  if (!isSlug(file) || !isSlug(tool)) stop('name the file and the tool as slugs, such as preparation and fill-gaps');
  const path = `apps/${agent}/src/behaviours/${file}.ts`;
  const action = camel(tool);
  if (read(pack).includes(`'${agent}.${tool}'`)) stop(`${agent}.${tool} exists already`);
  const text = `\n/** What it does, in one sentence. */
export const ${action}: Action = async ({ charter, ticket, write }) => {
  await write('delivery/${tool}.md', \`# \${charter.name}\\n\\n\${ticket.openedOn}\\n\`);
};\n`;
  if (!has(path)) create(path, `import type { Action } from '@vt/agent-runtime';\n${text}`);
  else if (!/import type \{[^}]*\bAction\b[^}]*\} from '@vt\/agent-runtime'/.test(read(path)))
    stop(`${path} has no actions`);
  else change(path, (known) => known + text);
  const module = `'./behaviours/${file}.ts'`;
  change(pack, (known) => {
    const imported = known.includes(`from ${module}`)
      ? known.replace(
          new RegExp(`import \\{([^}]*?),?\\s*\\} from ${module}`),
          `import {$1, ${action} } from ${module}`,
        )
      : after(known, /^import .*;\n/gm, `import { ${action} } from ${module};\n`);
    return after(imported, new RegExp(`^    '${agent}\\..*,\n`, 'gm'), `    '${agent}.${tool}': ${action},\n`);
  });
  return `write what it does; then let a phase of the pipeline have it as an action, here delivery/${tool}.md as an
artifact, and allow the tool in the phase's mode:
      - { id: ${tool}, title: …, tool: ${agent}.${tool} }`;
}

function service([name]: readonly string[]): string {
  if (!isSlug(name)) stop('name the service as a slug, such as notifier');
  const app = `apps/${name}`;
  if (has(app)) stop(`${app} exists already`);
  const like = JSON.parse(read('apps/cost/package.json'));
  const used = ['@nestjs/common', '@vt/contracts', '@vt/kernel', '@vt/messaging', '@vt/service', 'zod'];
  const dependencies = Object.fromEntries(used.map((each) => [each, like.dependencies[each]]));
  const description = 'What it does, in one sentence.';
  create(`${app}/package.json`, JSON.stringify({ ...like, name: `@vt/app-${name}`, description, dependencies }));
  create(`${app}/README.md`, `# ${name}\n\n${description}\nWhat it is not.\nNothing imports it but the station.\n`);
  create(`${app}/src/index.ts`, `export { ${camel(name)} } from './${name}.service.ts';\n`);
  create(
    `${app}/src/main.ts`,
    `import { runService } from '@vt/service';\n\nawait runService(async () => (await import('./index.ts')).${camel(name)});\n`,
  );
  create(
    `${app}/src/${name}.service.ts`,
    `import type { ServiceDefinition } from '@vt/service';
import { z } from 'zod';
import { ${pascal(name)}Controller } from './${name}.controller.ts';

const Settings = z.object({});

class ${pascal(name)}Module {}

/** ${description} */
export const ${camel(name)}: ServiceDefinition<z.infer<typeof Settings>> = {
  name: '${name}',
  settings: Settings,
  module: () => ({ module: ${pascal(name)}Module, controllers: [${pascal(name)}Controller], providers: [] }),
};
`,
  );
  create(
    `${app}/src/${name}.controller.ts`,
    `import { Controller, Logger } from '@nestjs/common';
import type { EventOf } from '@vt/contracts';
import type { Positioned } from '@vt/kernel';
import { OnEvent } from '@vt/messaging';

@Controller()
export class ${pascal(name)}Controller {
  private readonly log = new Logger('${name}');

  @OnEvent('TrainStarted')
  async onTrainStarted({ event }: Positioned<EventOf<'TrainStarted'>>): Promise<void> {
    this.log.log(\`train \${event.data.trainId} started\`);
  }
}
`,
  );
  return `npm install; then add it to apps/station/src/services.ts, tools/docs/settings.ts, docker-compose.yml and
\`services\` in deploy/helm/value-train/values.yaml`;
}

const GENERATORS: Readonly<Record<string, (words: readonly string[]) => string>> = { event, behaviour, service };
const [what = '', ...words] = process.argv.slice(2);
const next = (GENERATORS[what] ?? (() => stop(USAGE)))(words);
for (const [path, text] of files) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  const formatted = await format(text, { ...(await resolveConfig(join(root, path))), filepath: path });
  // Golden files and the like keep the format that they have.
  writeFileSync(join(root, path), path.includes('/golden/') ? `${text}\n` : formatted);
  process.stdout.write(`wrote ${path}\n`);
}
process.stdout.write(`next: ${next}\n`);
