import { runService } from '@vt/service';
import { improver } from './index.ts';

await runService(improver);
