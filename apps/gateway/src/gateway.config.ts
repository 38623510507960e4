import { FLEET } from '@vt/contracts';
import { TenantId } from '@vt/kernel';
import { z } from 'zod';

const MIB = 1_048_576;

/** Settings of the gateway, beside those of every service. */
export const GatewayConfig = z.object({
  ARTIFACTS_URL: z
    .string()
    .regex(/^(file:\/\/\/|s3:\/\/)/)
    .describe('where artifacts lie, as file:///folder or s3://bucket/prefix; the same for every service'),
  ADMIN_API_KEY: z
    .string()
    .regex(/^vt_[\w-]{32,}$/)
    .optional()
    .describe('a first key for an admin: vt_ and 43 letters or digits that nobody can guess'),
  ADMIN_NAME: z.string().min(1).default('admin').describe('in whose name the first key acts'),
  TENANT: TenantId.refine((tenant) => tenant !== FLEET, 'fleet is the name of all tenants together')
    .default(TenantId.parse('default'))
    .describe('the tenant that the first key belongs to; its admins may pause the fleet'),
  PIPELINES: z.string().optional().describe('a folder of pipelines; those that ship, unless it is set'),
  PRICE_BOOK: z.string().optional().describe('a price book of your own, the same as that of the cost service'),
  UPLOAD_BYTES_MAX: z.coerce
    .number()
    .int()
    .positive()
    .default(1_024 * MIB)
    .describe('largest upload, in bytes'),
  MIN_POSITION_MS_MAX: z.coerce
    .number()
    .int()
    .positive()
    .default(5_000)
    .describe('milliseconds that a reader may wait for their own write'),
});
export type GatewayConfig = z.infer<typeof GatewayConfig>;
