import { Logger } from '@aws-lambda-powertools/logger';

const logger = new Logger({ serviceName: 'till' });

/** Says what it was asked to say, at every level. */
export const handler = async (event: { id: string; sample?: boolean }, context: any) => {
  logger.addContext(context);
  logger.setCorrelationId(event.id);
  logger.appendKeys({ order: 7 });
  if (event.sample) logger.refreshSampleRateCalculation();
  logger.debug('a debug line');
  logger.info('an info line', { detail: { deep: true } });
  logger.warn('a warning');
  logger.error('an error', new TypeError('broken'));
  return logger.getLevelName();
};
