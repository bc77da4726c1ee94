import { Tracer } from '@aws-lambda-powertools/tracer';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';

const tracer = new Tracer({ serviceName: 'till' });
const sqs = tracer.captureAWSv3Client(new SQSClient({}));

/** Instrumented by hand, as the documentation of Powertools shows it. */
export const handler = async ({ order, fails = false }: { order: number; fails?: boolean }) => {
  const segment = tracer.getSegment()!;
  const own = segment.addNewSubsegment(`## ${process.env._HANDLER}`);
  tracer.setSegment(own);
  tracer.annotateColdStart();
  tracer.addServiceNameAnnotation();
  try {
    await sqs.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE, MessageBody: 'x' }) as any);
    tracer.putAnnotation('order', order);
    tracer.putMetadata('cart', { items: [1, 2] });
    if (fails) throw new TypeError('no such order');
    return { traceId: tracer.getRootXrayTraceId(), sampled: tracer.isTraceSampled() };
  } catch (error) {
    tracer.addErrorAsMetadata(error as Error);
    throw error;
  } finally {
    own.close();
    tracer.setSegment(segment);
  }
};
