const { GetObjectCommand, PutObjectCommand, S3Client } = require('@aws-sdk/client-s3');

const s3 = new S3Client({ forcePathStyle: true });

exports.handler = async ({ Records }) => {
  for (const { s3: at } of Records) {
    const Key = decodeURIComponent(at.object.key.replace(/\+/g, ' '));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: at.bucket.name, Key }));
    const picture = await Body.transformToString();
    await s3.send(new PutObjectCommand({ Bucket: process.env.DESTINATION, Key, Body: picture.slice(0, 5) }));
  }
};
