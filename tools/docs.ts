// The generated part of the reference. `npm run docs` writes it, `--check` fails when it is not what the code says, and
// also when a document names a file of the repository, a script or a command of vt that is not there.
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { asyncApi, eventsPage } from './docs/events.ts';
import { settingsPage } from './docs/settings.ts';
import { cliPage, isCommand, openApi } from './docs/doors.ts';
import { pausePage } from './docs/pause.ts';
import { pipelinePage, pipelineSchema } from './docs/pipeline.ts';

const root = resolve(import.meta.dirname, '..');
const check = process.argv.includes('--check');

const pages: Readonly<Record<string, () => string | Promise<string>>> = {
  'docs/reference/events.md': eventsPage,
  'docs/reference/asyncapi.json': asyncApi,
  'docs/reference/settings.md': settingsPage,
  'docs/reference/cli.md': cliPage,
  'docs/reference/openapi.json': openApi,
  'docs/reference/pause.md': pausePage,
  'docs/reference/pipeline.md': pipelinePage,
  'libs/profiles/src/pipeline.schema.json': pipelineSchema,
};

const problems: string[] = [];
for (const [file, page] of Object.entries(pages)) {
  const path = join(root, file);
  const text = await format(await page(), { ...(await resolveConfig(path)), filepath: path });
  if (!check) writeFileSync(path, text);
  else if (!existsSync(path) || readFileSync(path, 'utf8') !== text)
    problems.push(`${file} is not current: npm run docs`);
}
problems.push(...brokenReferences());

for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exit(problems.length > 0 ? 1 : 0);

/** Links and paths of Markdown files that lead nowhere, and commands that do not exist. */
function brokenReferences(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const documents = globSync(['*.md', 'docs/**/*.md', 'libs/*/README.md', 'apps/*/README.md'], { cwd: root });
  return documents.flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const all = (pattern: RegExp) => [...text.matchAll(pattern)].map(([, found]) => found!);
    const links = all(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g);
    const paths = all(/`((?:apps|docs|deploy|libs|tools)\/[\w.@/-]*)`/g).filter((path) => !/(^|\/)dist\//.test(path));
    const scriptNames = all(/npm run ([a-z:]+)/g);
    const commands = all(/(?:npm run vt --|`vt) ([a-z]+(?: [a-z]+)*)/g);
    return [
      ...links
        .filter((link) => !existsSync(join(root, dirname(file), link)))
        .map((link) => `${file}: the link to ${link} leads nowhere`),
      ...paths.filter((path) => !existsSync(join(root, path))).map((path) => `${file}: there is no ${path}`),
      ...scriptNames
        .filter((name) => !(name in scripts))
        .map((name) => `${file}: there is no script "npm run ${name}"`),
      ...commands.filter((words) => !isCommand(words.split(' '))).map((words) => `${file}: there is no vt ${words}`),
    ];
  });
}
