import { expect, it } from '@jest/globals';
import { formatMoney, formatNumber, formatPercent } from './format.ts';
import { escapeMarkdown, fillTemplate, table } from './markdown.ts';

const stamp = { agent: 'onboarder', date: '2026-11-21', version: '1.0', status: 'final' };

it('fills a template and ends it with its stamp', () => {
  const text = fillTemplate(
    '# Brief\n\n## Problem\n\n{{problem}}\n\n## Budget\n\n{{ budget }}\n',
    { problem: 'Rain.', budget: 5 },
    stamp,
  );

  expect(text).toBe(
    '# Brief\n\n## Problem\n\nRain.\n\n## Budget\n\n5\n\n---\n\n' +
      '*Agent: onboarder · Date: 2026-11-21 · Version: 1.0 · Status: final*\n',
  );
});

it.each([
  ['a placeholder without a value', '# T\n\n{{who}}', {}, 'placeholder {{who}} has no value'],
  ['a value without a placeholder', '# T\n\nx', { who: 'me' }, 'value "who" has no placeholder'],
  ['an empty value', '# T\n\n{{who}}!', { who: ' ' }, 'value "who" is empty'],
  ['a section without text', '# T\n\nx\n\n## Costs\n\n## Gains\n\ny', {}, 'section "Costs" is empty'],
  ['a section without text at the end', '# T\n\nx\n\n## Costs\n', {}, 'section "Costs" is empty'],
  ['a comment for the author', '# T\n\nx <!-- say why -->', {}, 'direction comment "say why" is left over'],
  ['a bracket for the author', '# T\n\n[Replace with the name]', {}, 'direction [Replace with the name] is left over'],
])('refuses %s, by name', (_, template, values, problem) => {
  expect(() => fillTemplate(template, values, stamp)).toThrow(`template "T": ${problem}`);
});

it('takes a heading that holds only subsections, and a comment sign in code, for what they are', () => {
  const text = fillTemplate('# T\n\n## A\n\n### B\n\n```sh\n# not a heading\n```\n', {}, stamp);

  expect(text).toContain('# not a heading');
});

it('sets numbers to the right, and keeps a cell in its cell', () => {
  expect(
    table(
      [
        ['a|b', 1],
        ['c\nd', 2.34567],
      ],
      ['name', 'n'],
    ),
  ).toBe('| name | n |\n| --- | ---: |\n| a\\|b | 1 |\n| c<br>d | 2.346 |');
  expect(() => table([['a']], ['x', 'y'])).toThrow('row 1 has 1 cells for 2 columns');
});

it('writes numbers for people', () => {
  expect([2015, 25_000, -0.5, 0.123456, NaN].map((value) => formatNumber(value))).toEqual([
    '2015',
    '25,000',
    '−0.5',
    '0.1235',
    'n/a',
  ]);
  expect(formatPercent(0.4567)).toBe('45.7 %');
  expect(formatMoney({ amount: '25000.00', currency: 'EUR' })).toBe('EUR 25,000.00');
});

it('keeps what people typed from being markup', () => {
  expect(escapeMarkdown('# a *b* | <c>\nd')).toBe('\\# a \\*b\\* \\| \\<c\\> d');
});
