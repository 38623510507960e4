import { DocumentController } from '@vt/app-gateway';
import { program } from '@vt/cli';
import type { Argument, Command, Option } from 'commander';

const cell = (text: string) => text.replaceAll('|', '\\|');

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

const nameOf = (command: Command): string =>
  command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();

const written = (argument: Argument) => (argument.required ? `<${argument.name()}>` : `[${argument.name()}]`);

const optionLine = ({ flags, description, mandatory, defaultValue }: Option) =>
  `| \`${flags}\` | ${cell(description)} | ${mandatory ? '**required**' : defaultValue === undefined ? '' : `\`${String(defaultValue)}\``} |`;

const isShared = ({ long }: Option) => long === '--json' || long === '--url' || long === '--api-key';

/** Commands that have no commands below them: those that can be typed. */
const leavesOf = (command: Command): readonly Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);

function section(command: Command): string[] {
  const args = command.registeredArguments.map(written);
  const own = command.options.filter((option) => !isShared(option));
  const shared = command.options.filter(isShared).map(({ long }) => `\`${long}\``);
  return [
    `## ${nameOf(command)}`,
    '',
    `\`${[nameOf(command), ...args].join(' ')}\``,
    '',
    `${sentence(command.description())}${shared.length > 0 ? ` Also ${shared.join(', ')}.` : ''}`,
    '',
    ...(own.length > 0 ? ['| option | what it is | default |', '| --- | --- | --- |', ...own.map(optionLine), ''] : []),
  ];
}

export const cliPage = () => {
  const vt = program();
  const leaves = leavesOf(vt);
  // Of two that are called the same, the later says it in general.
  const shared = new Map(leaves.flatMap(({ options }) => options.filter(isShared).map((each) => [each.flags, each])));
  return [
    '# Commands of vt',
    '',
    'Generated from `apps/cli`. In this repository a command is written `npm run vt -- train list`.',
    '',
    'What a command finds goes to standard output, what happens on the way to standard error. Exit codes: 0 done, 1 failed, 2 wrong use or input, 3 not found, 4 refused, 5 not available, 130 interrupted.',
    '',
    '| option of many commands | what it is | default |',
    '| --- | --- | --- |',
    ...[...shared.values()].map(optionLine),
    '',
    ...leaves.flatMap(section),
  ].join('\n');
};

/** Whether `vt` knows these words; what comes after the last command among them is for that command to judge. */
export function isCommand(words: readonly string[], command = program()): boolean {
  if (command.commands.length === 0) return true;
  const next = command.commands.find((each) => each.name() === words[0]);
  return next !== undefined && isCommand(words.slice(1), next);
}

/** The very document that the gateway serves at `/openapi.json`; it looks at nothing of the request for it. */
export const openApi = async () => JSON.stringify((await new DocumentController().openApi({} as never)).body);
