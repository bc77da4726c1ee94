/** audit: who did what, durable and bounded. */
export { AUDIT_LIMITS } from './limits.ts';
export { isDataEvent, isTold, recordOf } from './record.ts';
export { auditApi } from './routes.ts';
export { AuditTrail } from './trail.ts';
