// Builds the project in the working directory: src/**/*.ts to dist, and its other files beside them.
import { transformFile } from '@swc/core';
import { cp, glob, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

await rm('dist', { recursive: true, force: true });
for await (const file of glob('src/**/*.*')) {
  if (/\.(spec|int|bench)\.ts$/.test(file)) continue;
  const target = join('dist', file.slice('src/'.length));
  await mkdir(dirname(target), { recursive: true });
  if (!file.endsWith('.ts')) {
    await cp(file, target, { recursive: true });
    continue;
  }
  const { code, map } = await transformFile(file, {
    swcrc: false,
    sourceMaps: true,
    module: { type: 'es6' },
    jsc: {
      target: 'es2024',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: false },
      rewriteRelativeImportExtensions: true,
    },
  });
  const output = target.replace(/\.ts$/, '.js');
  await writeFile(output, `${code}\n//# sourceMappingURL=${output.split('/').at(-1)}.map\n`);
  await writeFile(`${output}.map`, map);
}
