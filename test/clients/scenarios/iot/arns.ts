export const arnOf = (resource: string) => `arn:aws:iot:us-east-1:000000000000:${resource}`;
