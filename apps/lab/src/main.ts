import { runService } from '@vt/service';

await runService(async () => (await import('./index.ts')).lab);
