import { runService } from '@vt/service';
import { ops } from './ops.service.ts';

await runService(ops);
