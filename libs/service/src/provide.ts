import type { FactoryProvider } from '@nestjs/common';

/** An injection token that knows the type of what it stands for. */
export type Token<T> = symbol & { readonly __type?: T };
export const token = <T>(name: string): Token<T> => Symbol(name);

type Resolved<Tokens extends readonly unknown[]> = {
  [Index in keyof Tokens]: Tokens[Index] extends Token<infer T> ? T : never;
};

/** A provider whose factory gets what its tokens promise, checked by the compiler. */
export const provide = <T, const Tokens extends readonly Token<unknown>[]>(
  provided: Token<T>,
  inject: Tokens,
  useFactory: (...dependencies: Resolved<Tokens>) => T | Promise<T>,
): FactoryProvider => ({
  provide: provided,
  inject: [...inject],
  // Nest resolves the tokens in this order, which its types do not know.
  useFactory: useFactory as (...dependencies: unknown[]) => T | Promise<T>,
});
