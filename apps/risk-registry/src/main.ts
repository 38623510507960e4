import { runService } from '@vt/service';
import { riskRegistry } from './risk-registry.service.ts';

await runService(riskRegistry);
