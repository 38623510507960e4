import { z } from 'zod';

/** Ids of different things are different types, so passing one for another does not compile. */
export const TrainId = z.uuid('not the id of a train: the list of trains has them').brand<'TrainId'>();
export type TrainId = z.infer<typeof TrainId>;

/** A ticket is the lasting state of one phase in one cycle and attempt: `<phase>_<cycle>_<attempt>_<trainId>`. */
export const TicketId = z
  .string()
  .regex(/^[a-z][a-z0-9-]*_\d+_\d+(_[a-z][a-z0-9-]*_\d+)?_[0-9a-f-]{36}$/)
  .brand<'TicketId'>();
export type TicketId = z.infer<typeof TicketId>;

export const CommandId = z.uuid().brand<'CommandId'>();
export type CommandId = z.infer<typeof CommandId>;

/** Tenants appear in subjects and paths, hence the narrow alphabet. */
export const TenantId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
  .brand<'TenantId'>();
export type TenantId = z.infer<typeof TenantId>;

/** A moment in UTC, ISO 8601 with milliseconds. */
export const Instant = z.iso.datetime().brand<'Instant'>();
export type Instant = z.infer<typeof Instant>;

/** Content address of a blob: `sha256:` and 64 hexadecimal digits. */
export const Digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/)
  .brand<'Digest'>();
export type Digest = z.infer<typeof Digest>;
