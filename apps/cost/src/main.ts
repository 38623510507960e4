import { runService } from '@vt/service';
import { cost } from './cost.service.ts';

await runService(cost);
