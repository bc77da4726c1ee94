/*
 * A runtime in C over plain sockets: one kept-alive connection to the Runtime API, no library but libc. It answers what the event
 * asks for: an echo of it, an error, a stream, an exit, a sleep.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static int connection = -1;
static char buffer[16 * 1024 * 1024];
static char *body;
static long body_length;
static char request_id[128];

static void dial(void) {
  const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
  const char *colon = strrchr(api, ':');
  char host[64] = {0};
  memcpy(host, api, colon - api);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(colon + 1))};
  inet_pton(AF_INET, host, &address.sin_addr);
  connection = socket(AF_INET, SOCK_STREAM, 0);
  int one = 1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0) exit(3);
}

static void say(const char *bytes, long length) {
  while (length > 0) {
    long count = write(connection, bytes, length);
    if (count <= 0) exit(4);
    bytes += count;
    length -= count;
  }
}

/* Reads one response whole; returns its status. */
static int hear(void) {
  long have = 0;
  char *end = NULL;
  while (!end) {
    long count = read(connection, buffer + have, sizeof buffer - 1 - have);
    if (count <= 0) exit(5);
    have += count;
    buffer[have] = 0;
    end = strstr(buffer, "\r\n\r\n");
  }
  *end = 0;
  body = end + 4;
  char *length = strcasestr(buffer, "content-length: ");
  body_length = length ? atol(length + 16) : 0;
  char *id = strcasestr(buffer, "lambda-runtime-aws-request-id: ");
  if (id) sscanf(id + 31, "%127[^\r]", request_id);
  long got = have - (body - buffer);
  while (got < body_length) {
    long count = read(connection, body + got, body_length - got);
    if (count <= 0) exit(6);
    got += count;
  }
  body[body_length] = 0;
  return atoi(buffer + 9);
}

static int post(const char *what, const char *headers, const char *content, long length) {
  char head[1024];
  int size = snprintf(head, sizeof head,
                      "POST /2018-06-01/runtime/invocation/%s/%s HTTP/1.1\r\nHost: api\r\n%sContent-Length: %ld\r\n\r\n",
                      request_id, what, headers, length);
  say(head, size);
  say(content, length);
  return hear();
}

static void stream(int fails) {
  char head[1024];
  int size = snprintf(head, sizeof head,
                      "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: api\r\n"
                      "Lambda-Runtime-Function-Response-Mode: streaming\r\nContent-Type: text/x-parts\r\n"
                      "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n",
                      request_id);
  say(head, size);
  say("5\r\nfirst\r\n", 10);
  usleep(20000);
  say("7\r\n second\r\n", 12);
  say("0\r\n", 3);
  /* {"errorType":"Parts.Lost","errorMessage":"gone"} */
  if (fails) {
    const char *trailers = "Lambda-Runtime-Function-Error-Type: Parts.Lost\r\nLambda-Runtime-Function-Error-Body: "
                           "eyJlcnJvclR5cGUiOiJQYXJ0cy5Mb3N0IiwiZXJyb3JNZXNzYWdlIjoiZ29uZSJ9\r\n";
    say(trailers, strlen(trailers));
  }
  say("\r\n", 2);
  hear();
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  printf("runtime in C begins\n");
  dial();
  static char event[7 * 1024 * 1024];
  for (int count = 1;; count++) {
    const char *next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: api\r\n\r\n";
    say(next, strlen(next));
    hear();
    memcpy(event, body, body_length + 1);
    long length = body_length;
    if (strstr(event, "\"fail\"")) {
      const char *error = "{\"errorType\":\"Parts.Broken\",\"errorMessage\":\"a part broke\",\"stackTrace\":[]}";
      post("error", "Lambda-Runtime-Function-Error-Type: Runtime.Broken\r\n", error, strlen(error));
    } else if (strstr(event, "\"exit\"")) {
      exit(7);
    } else if (strstr(event, "\"hang\"")) {
      for (;;) pause();
    } else if (strstr(event, "\"stream-fails\"")) {
      stream(1);
    } else if (strstr(event, "\"stream\"")) {
      stream(0);
    } else if (strstr(event, "\"large\"")) {
      static char large[6300000];
      memset(large, 'x', sizeof large);
      printf("large answered %d\n", post("response", "", large, sizeof large));
    } else if (strstr(event, "\"forge\"")) {
      char mine[128];
      strcpy(mine, request_id);
      strcpy(request_id, "11111111-2222-3333-4444-555555555555");
      int status = post("response", "", "\"forged\"", 8);
      strcpy(request_id, mine);
      char answer[64];
      snprintf(answer, sizeof answer, "%d", status);
      post("response", "", answer, strlen(answer));
    } else if (strstr(event, "\"count\"")) {
      char answer[64];
      snprintf(answer, sizeof answer, "%d", count);
      post("response", "", answer, strlen(answer));
    } else {
      post("response", "", event, length);
    }
  }
}
