import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { NotificationError, readS3Event } from "../../../src/handler/notify/s3_event.ts";

const KEY = "docs/a b+c ü%20.txt";
const ENCODED = encodeURIComponent(KEY).replaceAll("%20", "+");
const OBJECT = { bucket: "docs", key: KEY };

function record(eventName = "ObjectCreated:Put", key: unknown = ENCODED) {
  return { eventSource: "aws:s3", eventName, s3: { bucket: { name: "docs" }, object: { key } } };
}

const S3 = { Records: [record()] };
const BRIDGE = {
  version: "0",
  "detail-type": "Object Created",
  source: "aws.s3",
  detail: { bucket: { name: "docs" }, object: { key: KEY, size: 2 } },
};
const sns = (message: unknown) => ({ Type: "Notification", Message: JSON.stringify(message) });
const sqs = (message: unknown) => ({
  Records: [{ eventSource: "aws:sqs", body: JSON.stringify(message) }],
});
const received = (message: unknown) => ({ Messages: [{ Body: JSON.stringify(message) }] });
const lambda = (message: unknown) => ({
  Records: [{ EventSource: "aws:sns", Sns: sns(message) }],
});
const TEST = { Service: "Amazon S3", Event: "s3:TestEvent", Bucket: "docs" };

describe("readS3Event()", () => {
  const forms: [string, unknown][] = [
    ["S3's own form", S3],
    ["MinIO's form", {
      EventName: "s3:ObjectCreated:Put",
      Key: "docs/x",
      Records: [record("s3:ObjectCreated:Put")],
    }],
    ["EventBridge, whose keys are not encoded", BRIDGE],
    ["a list of EventBridge events", [BRIDGE]],
    ["SNS", sns(S3)],
    ["SNS as Lambda gets it", lambda(S3)],
    ["SQS", sqs(S3)],
    ["SQS as it is received", received(S3)],
    ["SNS in SQS", sqs(sns(S3))],
    ["EventBridge in SQS", sqs(BRIDGE)],
  ];
  for (const [name, body] of forms) {
    it(`reads an object that was made in the form of ${name}`, () => {
      assert.deepEqual(readS3Event(body), { objects: [OBJECT], others: 0 });
    });
  }

  it("counts deletions and other events", () => {
    const Records = [record(), record("ObjectRemoved:Delete"), record("s3:ObjectTagging:Put")];
    assert.deepEqual(readS3Event({ Records }), { objects: [OBJECT], others: 2 });
    const deleted = { ...BRIDGE, "detail-type": "Object Deleted" };
    assert.deepEqual(readS3Event(deleted), { objects: [], others: 1 });
  });

  it("finds no object in S3's test of a new notification, in any envelope", () => {
    for (const body of [TEST, sns(TEST), sqs(TEST), sqs(sns(TEST))]) {
      assert.deepEqual(readS3Event(body), { objects: [], others: 0 });
    }
  });

  it("refuses a subscription that is not confirmed, and says how to confirm it", () => {
    const body = {
      Type: "SubscriptionConfirmation",
      SubscribeURL: "https://sns.example/",
      Message: "",
    };
    assert.throws(() => readS3Event(body), (error) => {
      assert.ok(error instanceof NotificationError);
      assert.match(error.message, /not confirmed/);
      assert.match(error.hint, /SubscribeURL/);
      return true;
    });
  });

  let deep: unknown = S3;
  for (let i = 0; i < 20; i++) deep = sns(deep);
  const others: [string, unknown][] = [
    ["any object", { hello: "world" }],
    ["a text", "Records"],
    ["null", null],
    ["an empty list", []],
    ["records that are not a list", { Records: {} }],
    ["no records", { Records: [] }],
    ["a record of something else", { Records: [{ eventSource: "aws:kinesis", kinesis: {} }] }],
    ["one record of something else among others", { Records: [record(), { hello: 1 }] }],
    ["an object without a key", { Records: [record("ObjectCreated:Put", null)] }],
    ["a key that is not encoded", { Records: [record("ObjectCreated:Put", "100%")] }],
    ["EventBridge without an object", { ...BRIDGE, detail: {} }],
    ["an event of another source", { ...BRIDGE, source: "aws.ec2" }],
    ["SNS around text", { Type: "Notification", Message: "hello" }],
    ["SNS around something else", sns({ hello: "world" })],
    ["SQS around text", { Records: [{ eventSource: "aws:sqs", body: "hello" }] }],
    ["the end of a subscription", { Type: "UnsubscribeConfirmation", Message: "" }],
    ["envelopes without an end", deep],
  ];
  for (const [name, body] of others) {
    it(`refuses ${name}`, () => {
      assert.throws(() => readS3Event(body), NotificationError);
    });
  }
});
