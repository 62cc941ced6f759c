// Asks an LLM service from Node, with TLS, a bearer token, a deadline and the wait that an overloaded server asks for.
//
//   npm install @grpc/grpc-js @grpc/proto-loader google-proto-files
//   EARWITNESS_TLS_CA=ca.pem EARWITNESS_TOKEN_FILE=token node docs/examples/call.mjs localhost:9000 "Which animal bleats?"
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";
import googleProtos from "google-proto-files";

const [address, question] = process.argv.slice(2);
const { EARWITNESS_TLS_CA: ca, EARWITNESS_TOKEN_FILE: tokenFile } = process.env;

const proto = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "proto");
const includeDirs = [proto, googleProtos.getProtoPath("..")];
const { earwitness, google } = grpc.loadPackageDefinition(
  loader.loadSync(["earwitness/v1/llm.proto", "google/rpc/error_details.proto", "google/rpc/status.proto"], { includeDirs }),
);

const credentials = ca ? grpc.credentials.createSsl(readFileSync(ca)) : grpc.credentials.createInsecure();
const client = new earwitness.v1.LlmService(address, credentials, { "grpc.max_receive_message_length": 64 << 20 });

const metadata = new grpc.Metadata();
metadata.set("application", "llm"); // which of Ray Serve's applications; a plain server does not mind
if (tokenFile) metadata.set("authorization", `Bearer ${readFileSync(tokenFile, "utf8").trim()}`);

function generate(request) {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + 60_000;
    client.Generate(request, metadata, { deadline }, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

// google.rpc.RetryInfo says when a call that was refused with RESOURCE_EXHAUSTED may come again.
function retryAfterSeconds(error) {
  const [bytes] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (error.code !== grpc.status.RESOURCE_EXHAUSTED || !bytes) return null;
  const status = decode(google.rpc.Status, bytes);
  const retry = status.details.find((detail) => detail.type_url.endsWith("google.rpc.RetryInfo"));
  if (!retry) return null;
  const { seconds = 0, nanos = 0 } = decode(google.rpc.RetryInfo, retry.value).retryDelay ?? {};
  return Number(seconds) + nanos / 1e9;
}

const decode = (type, bytes) => type.deserialize(bytes);

for (let attempt = 1; ; attempt++) {
  try {
    const answer = await generate({ messages: [{ role: "user", content: question }], sampling: { maxTokens: 64 } });
    console.log(answer.generation.text);
    break;
  } catch (error) {
    const seconds = retryAfterSeconds(error);
    if (seconds === null || attempt === 5) {
      console.error(`${grpc.status[error.code] ?? "error"}: ${error.details ?? error.message}`);
      process.exitCode = 1;
      break;
    }
    await wait(1000 * seconds);
  }
}
client.close();
