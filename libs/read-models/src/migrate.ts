import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, type Pool } from 'pg';
import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm';
import { ENTITIES } from './tables.ts';

/** Any number, as long as nothing else of ours locks on it: migrations run one at a time. */
const MIGRATION_LOCK = 760_186_003;

const sqlFile = (file: string) => readFile(join(import.meta.dirname, 'migrations', file), 'utf8');

/** Only ever add to these: what has run somewhere is history. TypeORM orders them by the number in the name. */
class Views1763683200000 implements MigrationInterface {
  readonly name = 'Views1763683200000';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(await sqlFile('0001-views.sql'));
  }
  down(): Promise<void> {
    return Promise.reject(new Error('a view is dropped by a later migration, and can be rebuilt from the log'));
  }
}

class Guards1763683200001 implements MigrationInterface {
  readonly name = 'Guards1763683200001';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(await sqlFile('0002-guards.sql'));
  }
  down(): Promise<void> {
    return Promise.reject(new Error('a guard is changed by a later migration, and never taken away'));
  }
}

class Readiness1763683200002 implements MigrationInterface {
  readonly name = 'Readiness1763683200002';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(await sqlFile('0003-readiness.sql'));
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('revoke select on rm.migration from public');
  }
}

const MIGRATIONS = [Views1763683200000, Guards1763683200001, Readiness1763683200002];

export const dataSource = (databaseUrl: string) =>
  new DataSource({
    type: 'postgres',
    url: databaseUrl,
    schema: 'rm',
    entities: ENTITIES,
    migrations: MIGRATIONS,
    migrationsTableName: 'migration',
    synchronize: false,
  });

/**
 * Brings the schema `rm` up to date. Needs a superuser, or a user who may create roles and schemas. Any number of
 * processes may call it at once.
 */
export async function migrateReadModels(databaseUrl: string): Promise<void> {
  const lock = new Client({ connectionString: databaseUrl });
  await lock.connect();
  try {
    await lock.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await lock.query(await sqlFile('roles.sql'));
    const source = await dataSource(databaseUrl).initialize();
    try {
      await source.runMigrations({ transaction: 'all' });
    } finally {
      await source.destroy();
    }
  } finally {
    await lock.end();
  }
}

/** Whether the database has every migration of this version; newer ones besides are fine. */
export async function isReadModelMigrated(pool: Pool): Promise<boolean> {
  const { rows: found } = await pool.query<{ made: boolean }>(`select to_regclass('rm.migration') is not null as made`);
  if (!found[0]?.made) return false;
  const { rows } = await pool.query<{ name: string }>('select name from rm.migration');
  return MIGRATIONS.every(({ name }) => rows.some((row) => row.name === name));
}
