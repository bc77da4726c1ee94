exports.readingsOf = (records) => records.map(({ kinesis }) => JSON.parse(Buffer.from(kinesis.data, 'base64')));
