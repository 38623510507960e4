/** The domain said no. Repeating the command gives the same answer, so nobody retries it. */
export class Rejection<Code extends string = string> extends Error {
  override readonly name = 'Rejection';
  constructor(
    readonly code: Code,
    message: string,
  ) {
    super(message);
  }
}

/** Another writer got there first. Reading again and deciding again may succeed. */
export class Conflict extends Error {
  override readonly name = 'Conflict';
  constructor(
    readonly stream: string,
    readonly expectedVersion: number,
    options?: ErrorOptions,
  ) {
    super(`stream ${stream} is no longer at version ${expectedVersion}`, options);
  }
}

/** Something we depend on is away. The same request may succeed later. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
}
