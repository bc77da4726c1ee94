/** audit: who did what, durable and bounded. */
export { AUDIT_LIMITS } from './limits.ts';
export { AuditLog } from './log.ts';
export { isDataEvent, isTold, recordOf } from './record.ts';
export { auditApi } from './routes.ts';
