/** What `vt` ends with. Scripts may rely on these. */
export const EXIT = { ok: 0, failure: 1, usage: 2, notFound: 3, refused: 4, unavailable: 5, interrupted: 130 } as const;

/** Ends the command with one message for a person, and the mend where there is one. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: (typeof EXIT)[keyof typeof EXIT];
  readonly mend: string | undefined;

  constructor(exitCode: (typeof EXIT)[keyof typeof EXIT], message: string, mend?: string) {
    super(message);
    this.exitCode = exitCode;
    this.mend = mend;
  }
}
