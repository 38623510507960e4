import { type Pattern, parse, type Program } from 'acorn';

const namesOf = (pattern: Pattern): string[] => {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern.name];
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) =>
        namesOf(property.type === 'Property' ? property.value : property.argument),
      );
    case 'ArrayPattern':
      return pattern.elements.flatMap((element) => (element === null ? [] : namesOf(element)));
    case 'AssignmentPattern':
      return namesOf(pattern.left);
    case 'RestElement':
      return namesOf(pattern.argument);
    case 'MemberExpression':
      return [];
  }
};

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Turns a top-level statement into one that leaves what it declares with the notebook, not with its function. */
const lift = (statement: Program['body'][number], code: string): { names: string[]; edits: Edit[] } => {
  const insert = (at: number, text: string): Edit => ({ start: at, end: at, text });
  if (statement.type === 'VariableDeclaration') {
    const assigned = statement.declarations.map(({ id, init }) =>
      init
        ? `${code.slice(id.start, id.end)} = ${code.slice(init.start, init.end)}`
        : `${code.slice(id.start, id.end)} = undefined`,
    );
    return {
      names: statement.declarations.flatMap(({ id }) => namesOf(id)),
      edits: [{ start: statement.start, end: statement.end, text: `(${assigned.join(', ')});` }],
    };
  }
  if (statement.type === 'ClassDeclaration') {
    const { name } = statement.id;
    return { names: [name], edits: [insert(statement.start, `${name} = `), insert(statement.end, ';')] };
  }
  // A function may be called above its declaration, so it stays where it is and is handed out first.
  if (statement.type === 'FunctionDeclaration') {
    const { name } = statement.id;
    return { names: [], edits: [insert(0, `globalThis.${name} = ${name}; `)] };
  }
  return { names: [], edits: [] };
};

/**
 * A cell as a script whose value is a promise of the cell's last expression. Its declarations become variables of the
 * context, so that later cells see them and may declare them again; lines keep their numbers. Throws a `SyntaxError`.
 */
export const scriptOf = (code: string): string => {
  const program = parse(code, { ecmaVersion: 'latest', sourceType: 'script', allowAwaitOutsideFunction: true });
  const lifted = program.body.map((statement) => lift(statement, code));
  const last = program.body.at(-1);
  const answer: Edit[] =
    last?.type === 'ExpressionStatement'
      ? [
          { start: last.start, end: last.start, text: 'return (' },
          { start: code[last.end - 1] === ';' ? last.end - 1 : last.end, end: last.end, text: ');' },
        ]
      : [];
  const names = [...new Set(lifted.flatMap((statement) => statement.names))];
  const edits = [...lifted.flatMap((statement) => statement.edits), ...answer];
  const body = edits
    .toSorted((a, b) => b.start - a.start)
    .reduce((text, edit) => text.slice(0, edit.start) + edit.text + text.slice(edit.end), code);
  return `${names.length > 0 ? `var ${names.join(', ')}; ` : ''}(async () => { ${body}\n})()`;
};
