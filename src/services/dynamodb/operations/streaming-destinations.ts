import type {
  DescribeKinesisStreamingDestinationInput,
  KinesisStreamingDestinationInput,
  UpdateKinesisStreamingDestinationInput,
} from '@aws-sdk/client-dynamodb';
import type { Operation } from '../../index.ts';
import { invalid } from '../errors.ts';
import type { Destination, Destinations } from '../streams/destinations.ts';
import type { Tables } from '../tables/tables.ts';

/** Enable, Disable, Update and Describe of KinesisStreamingDestination. @param destinations  opened by the first that needs them */
export function streamingDestinationOperations(
  tables: Tables,
  destinations: () => Promise<Destinations>,
): Record<string, Operation> {
  const EnableKinesisStreamingDestination: Operation<KinesisStreamingDestinationInput> = async (input, { region }) => {
    const table = tables.resolve(input.TableName!, region);
    const { ApproximateCreationDateTimePrecision: precision } = input.EnableKinesisStreamingConfiguration ?? {};
    await (await destinations()).enable(table, input.StreamArn!, precision, () => table.followAnew());
    return { ...changed(input, 'ENABLING'), ...configuration('Enable', precision) };
  };

  const DisableKinesisStreamingDestination: Operation<KinesisStreamingDestinationInput> = async (input, { region }) => {
    const table = tables.resolve(input.TableName!, region);
    const { precision } = await (await destinations()).disable(table, input.StreamArn!, () => table.followAnew());
    return { ...changed(input, 'DISABLING'), ...configuration('Enable', precision) };
  };

  const UpdateKinesisStreamingDestination: Operation<UpdateKinesisStreamingDestinationInput> = async (
    input,
    { region },
  ) => {
    const table = tables.resolve(input.TableName!, region);
    const precision = input.UpdateKinesisStreamingConfiguration?.ApproximateCreationDateTimePrecision;
    if (precision === undefined) throw invalid('UpdateKinesisStreamingConfiguration is required.');
    await (await destinations()).update(table, input.StreamArn!, precision);
    return { ...changed(input, 'UPDATING'), ...configuration('Update', precision) };
  };

  const DescribeKinesisStreamingDestination: Operation<DescribeKinesisStreamingDestinationInput> = async (
    { TableName },
    { region },
  ) => {
    const table = tables.resolve(TableName!, region);
    const all = (await destinations()).of(table.id);
    return { TableName: table.name, KinesisDataStreamDestinations: all.map(shapeOf) };
  };

  return {
    EnableKinesisStreamingDestination,
    DisableKinesisStreamingDestination,
    UpdateKinesisStreamingDestination,
    DescribeKinesisStreamingDestination,
  };
}

function changed({ TableName, StreamArn }: KinesisStreamingDestinationInput, DestinationStatus: string) {
  return { TableName, StreamArn, DestinationStatus };
}

function configuration(verb: 'Enable' | 'Update', precision: Destination['precision']) {
  if (precision === undefined) return {};
  return { [`${verb}KinesisStreamingConfiguration`]: { ApproximateCreationDateTimePrecision: precision } };
}

function shapeOf({ streamArn, active, precision }: Destination) {
  return {
    StreamArn: streamArn,
    DestinationStatus: active ? 'ACTIVE' : 'DISABLED',
    ...(precision && { ApproximateCreationDateTimePrecision: precision }),
  };
}
