import { runService } from '@vt/service';
import { conductor } from './conductor.service.ts';

await runService(conductor);
