import type { CommandClient } from '@vt/messaging';
import type { IdempotencyKeys, Projector, Reader } from '@vt/read-models';
import { token, type Platform } from '@vt/service';
import type { GatewayConfig } from '../gateway.config.ts';
import type { ApiKeys } from '../keys/api-keys.ts';
import type { Doors } from '../doors.ts';

/** An answer as it is kept, to be given again to the same request. */
export interface KeptAnswer {
  readonly body: unknown;
  readonly position: number;
  readonly location: string | null;
}

export const ConfigToken = token<GatewayConfig>('Config');
export const PlatformToken = token<Platform>('Platform');
export const DoorsToken = token<Doors>('Doors');
export const ReaderToken = token<Reader>('Reader');
export const ProjectorToken = token<Projector>('Projector');
export const KeysToken = token<ApiKeys>('ApiKeys');
export const CommandsToken = token<Pick<CommandClient, 'send'>>('Commands');
export const IdempotencyToken = token<IdempotencyKeys<KeptAnswer>>('IdempotencyKeys');
