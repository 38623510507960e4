import { Option, type Command, type CommandOptions } from 'commander';
import { z } from 'zod';
import { Api } from './api.ts';
import { connectionOf } from './config.ts';
import { output, type Output } from './output.ts';

export interface Flags {
  readonly json?: true;
  readonly url?: string;
  readonly apiKey?: string;
}

/** What a command has at hand: the API of the station, and where to say what it found. */
export interface Hands {
  readonly api: Api;
  readonly out: Output;
}

/** As Commander read them. */
export type Options = Readonly<Record<string, unknown>>;

export const Row = z.record(z.string(), z.unknown());
export const word = (value: unknown) => (value === null || value === undefined ? '–' : String(value));

/** Every command has --json; those that talk to a station also have its address and key. */
export function command<Args extends unknown[]>(
  parent: Command,
  usage: string,
  description: string,
  act: (hands: Hands, options: Options, ...args: Args) => Promise<void>,
  commandOptions: CommandOptions = {},
): Command {
  return parent
    .command(usage, commandOptions)
    .description(description)
    .option('--json', 'print one JSON document, for scripts')
    .addOption(new Option('--url <url>', 'where the gateway is (VT_URL)'))
    .addOption(new Option('--api-key <key>', 'who you are (VT_API_KEY)'))
    .action(async (...all: unknown[]) => {
      const options = all.at(-2) as Flags & Options;
      const args = all.slice(0, -2) as Args;
      await act({ api: new Api(connectionOf(options)), out: output(options.json === true) }, options, ...args);
    });
}
