/** Packages of the AWS SDK for JS that have another name than AWS signs their service with. */
const PACKAGES: Readonly<Record<string, string>> = {
  apigateway: 'api-gateway',
  dynamodbstreams: 'dynamodb-streams',
  events: 'eventbridge',
  iotdata: 'iot-data-plane',
  logs: 'cloudwatch-logs',
  secretsmanager: 'secrets-manager',
  states: 'sfn',
};

/** AWS's own client of a service. */
export interface SdkModule {
  /** Its class. */
  readonly Client: any;
  /** The class of an operation's command, where the client has it. */
  command(operation: string): any;
}

export async function sdkModule(service: string): Promise<SdkModule> {
  const sdk = await import(`@aws-sdk/client-${PACKAGES[service] ?? service}`);
  const Client = Object.entries<any>(sdk).find(([key]) => /^[A-Z].*Client$/.test(key))![1];
  return { Client, command: (operation) => sdk[`${operation}Command`] };
}
