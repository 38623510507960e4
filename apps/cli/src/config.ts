import { Home, type Address } from '@vt/app-station/home';
import { CliError, EXIT } from './errors.ts';

/** Everything that the surroundings say, read here and nowhere else. */
export const surroundings = {
  url: process.env['VT_URL'],
  apiKey: process.env['VT_API_KEY'],
  home: new Home(process.env['VT_HOME'] ?? '.value-train'),
  /** Where the person stood: npm runs scripts at the root of the repository. */
  from: process.env['INIT_CWD'] ?? process.cwd(),
  isTerminal: process.stderr.isTTY === true,
  columns: () => process.stderr.columns ?? 100,
  rows: () => process.stderr.rows ?? Infinity,
  /** What is piped has no colours, unless FORCE_COLOR asks for them; NO_COLOR wins. */
  hasColours: ({ isTTY }: { readonly isTTY?: boolean }) =>
    !process.env['NO_COLOR'] &&
    Boolean(process.env['FORCE_COLOR'] || (isTTY === true && process.env['TERM'] !== 'dumb')),
};

/** Where the station of this folder says that it is; undefined when none has run here, or it was stopped. */
export function announcedStation(): Address | undefined {
  const known = surroundings.home.address();
  return known?.pid === 0 ? undefined : known;
}

export interface Connection {
  readonly url: string;
  readonly apiKey: string;
}

/** Flags, then the environment, then the station of this folder. */
export function connectionOf(flags: { url?: string; apiKey?: string }): Connection {
  const station = announcedStation();
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
