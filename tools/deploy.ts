// Checks what deploys: the compose file against its schema, the chart with helm and kubeconform. The tools are taken from
// the PATH, else fetched once with Go and pip; where neither can be had it says what was not checked.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const HELM = 'helm.sh/helm/v3/cmd/helm@v3.19.0';
const KUBECONFORM = 'github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0';
const KUBERNETES = '1.34.0';
const KINDS =
  /^(deployment-apps|job-batch|service|persistentvolumeclaim|networkpolicy-|poddisruptionbudget-policy|ingress-)[a-z0-9-]*v1\.json$/;

const root = resolve(import.meta.dirname, '..');
const chart = join(root, 'deploy/helm/value-train');
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'value-train', 'deploy-tools');
mkdirSync(cache, { recursive: true });

const run = (program: string, args: readonly string[], input?: string) =>
  spawnSync(program, args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, ...(input ? { input } : {}) });
const works = (program: string, ...args: readonly string[]) => run(program, args).status === 0;

let failures = 0;
function report(what: string, { status, stdout, stderr }: ReturnType<typeof run>): void {
  process.stdout.write(`${status === 0 ? 'ok  ' : 'FAIL'} ${what}\n`);
  if (status === 0) return;
  failures += 1;
  process.stdout.write(`${stdout}${stderr}\n`);
}
const notChecked = (what: string, why: string) => process.stdout.write(`not checked: ${what} (${why})\n`);

/** A Go program from the PATH or the cache, else built once; undefined without a Go toolchain. */
function goTool(name: string, module: string, ...probe: readonly string[]): string | undefined {
  if (works(name, ...probe)) return name;
  const cached = join(cache, name);
  if (!existsSync(cached)) {
    process.stdout.write(`building ${name}, once\n`);
    spawnSync('go', ['install', module], {
      env: { ...process.env, GOBIN: cache },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  return existsSync(cached) ? cached : undefined;
}

/** A folder of Python packages, made once: the compose schema and Kubernetes' own come as packages. */
function pythonTools(): string | undefined {
  const venv = join(cache, 'venv');
  if (!existsSync(join(venv, 'bin', 'check-jsonschema'))) {
    run('python3', ['-m', 'venv', venv]);
    run(join(venv, 'bin', 'pip'), ['install', '--quiet', 'check-jsonschema', 'kubernetes-validate']);
  }
  return existsSync(join(venv, 'bin', 'check-jsonschema')) ? venv : undefined;
}

/** Schemas of the newest version that the packages bring, each with its references written out, as kubeconform wants them. */
function kubernetesSchemas(venv: string): string | undefined {
  const site = run(join(venv, 'bin', 'python'), [
    '-c',
    'import kubernetes_validate, os; print(os.path.dirname(kubernetes_validate.__file__))',
  ]);
  const folder = join(site.stdout.trim(), 'kubernetes-json-schema');
  if (site.status !== 0 || !existsSync(folder)) return undefined;
  const [newest] = readdirSync(folder)
    .filter((name) => name.endsWith('-local-strict'))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  const from = join(folder, newest!);
  const to = join(cache, newest!);
  if (existsSync(to)) return to;

  const definitions = JSON.parse(readFileSync(join(from, '_definitions.json'), 'utf8'));
  const writtenOut = (schema: unknown, within: readonly string[]): unknown => {
    if (Array.isArray(schema)) return schema.map((each) => writtenOut(each, within));
    if (typeof schema !== 'object' || schema === null) return schema;
    const reference = (schema as { $ref?: string }).$ref;
    if (typeof reference === 'string') {
      const name = reference.split('/').at(-1)!;
      // A schema that holds itself goes as deep as one turn.
      const holder = definitions.$defs ?? definitions.definitions;
      return within.includes(name) ? {} : writtenOut(holder[name], [...within, name]);
    }
    return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, writtenOut(value, within)]));
  };
  mkdirSync(to);
  for (const file of readdirSync(from).filter((name) => KINDS.test(name))) {
    writeFileSync(join(to, file), JSON.stringify(writtenOut(JSON.parse(readFileSync(join(from, file), 'utf8')), [])));
  }
  return to;
}

const venv = pythonTools();
if (venv) {
  report(
    'docker-compose.yml is a compose file',
    run(join(venv, 'bin', 'check-jsonschema'), ['--builtin-schema', 'vendor.compose-spec', 'docker-compose.yml']),
  );
} else {
  notChecked('docker-compose.yml', 'no python3 with pip');
}

const helm = goTool('helm', HELM, 'version');
const kubeconform = goTool('kubeconform', KUBECONFORM, '-v');
const schemas = venv && kubernetesSchemas(venv);
if (helm) {
  for (const values of readdirSync(join(chart, 'ci'))) {
    const file = join(chart, 'ci', values);
    report(`helm lint with ${values}`, run(helm, ['lint', '--strict', chart, '-f', file]));
    const rendered = run(helm, ['template', 'value-train', chart, '--kube-version', KUBERNETES, '-f', file]);
    report(`helm template with ${values}`, rendered);
    if (!kubeconform || !schemas || rendered.status !== 0) continue;
    const manifest = join(tmpdir(), `value-train-${process.pid}-${values}`);
    writeFileSync(manifest, rendered.stdout);
    report(
      `kubeconform with ${values}`,
      run(kubeconform, [
        '-strict',
        '-summary',
        '-schema-location',
        `${schemas}/{{.ResourceKind}}{{.KindSuffix}}.json`,
        manifest,
      ]),
    );
  }
  const missing = run(helm, ['template', 'value-train', chart, '--kube-version', KUBERNETES]);
  report('a chart without its secrets is refused, by name', {
    ...missing,
    status: missing.status !== 0 && missing.stderr.includes('existingSecret') ? 0 : 1,
  });
} else {
  notChecked('the chart', 'no helm on the PATH, and no Go to build it');
}
if (helm && !(kubeconform && schemas)) notChecked('the rendered manifests', 'no kubeconform or no schemas');
process.exit(failures > 0 ? 1 : 0);
