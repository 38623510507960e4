import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { CliError, EXIT } from './errors.ts';

const StationFile = z.object({ url: z.url(), apiKey: z.string(), pid: z.int() });

/** Everything that the surroundings say, read here and nowhere else. */
export const surroundings = {
  url: process.env['VT_URL'],
  apiKey: process.env['VT_API_KEY'],
  home: resolve(process.env['VT_HOME'] ?? '.value-train'),
  /** Where the person stood: npm runs scripts at the root of the repository. */
  from: process.env['INIT_CWD'] ?? process.cwd(),
  isTerminal: process.stderr.isTTY === true,
  columns: () => process.stderr.columns ?? 100,
  /** What is piped has no colours, unless FORCE_COLOR asks for them; NO_COLOR wins. */
  hasColours: ({ isTTY }: { readonly isTTY?: boolean }) =>
    !process.env['NO_COLOR'] &&
    Boolean(process.env['FORCE_COLOR'] || (isTTY === true && process.env['TERM'] !== 'dumb')),
};

/** The file in which a station says where it is; undefined when there is none, or nobody is there. */
export function stationFile(home = surroundings.home): z.infer<typeof StationFile> | undefined {
  const file = join(home, 'station.json');
  if (!existsSync(file)) return undefined;
  const parsed = StationFile.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  return parsed.success && parsed.data.pid !== 0 ? parsed.data : undefined;
}

export interface Connection {
  readonly url: string;
  readonly apiKey: string;
}

/** Flags, then the environment, then the station of this folder. */
export function connectionOf(flags: { url?: string; apiKey?: string }): Connection {
  const station = stationFile();
  const url = flags.url ?? surroundings.url ?? station?.url;
  const apiKey = flags.apiKey ?? surroundings.apiKey ?? station?.apiKey;
  if (!url)
    throw new CliError(
      EXIT.unavailable,
      'no station runs here',
      'start one with `vt up`, or name one with --url or VT_URL',
    );
  if (!apiKey) throw new CliError(EXIT.refused, `no API key for ${url}`, 'give one with --api-key or VT_API_KEY');
  return { url, apiKey };
}
