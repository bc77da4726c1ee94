/** schedules: AWS's schedule expressions: when the next time is. Pure. */
export { nextTime, parseSchedule, type Schedule, type ScheduleErrorCode } from './schedule.ts';
