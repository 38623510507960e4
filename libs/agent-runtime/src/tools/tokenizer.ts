/** The encoding by which everything is counted here. A model's own may differ by some percent; one ruler for all. */
export const TOKENIZER = 'o200k_base';

/** Counts the tokens of texts. The tables of the encoding are loaded when they are first needed, in about half a second. */
export const openTokenizer = async (): Promise<(text: string) => number> => {
  const { countTokens: count } = await import('gpt-tokenizer/encoding/o200k_base');
  // What looks like a control token of a model is text like any other.
  return (text) => count(text, { allowedSpecial: 'all' });
};

/** Tokens of a text. */
export const countTokens = async (text: string): Promise<number> => (await openTokenizer())(text);
