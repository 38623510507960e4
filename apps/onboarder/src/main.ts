import { runService } from '@vt/service';
import { onboarder } from './index.ts';

await runService(onboarder);
