import 'reflect-metadata';
import { runService } from '@vt/service';
import { gateway } from './index.ts';

await runService(gateway);
