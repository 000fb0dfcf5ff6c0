/* A provider that answers at once: one thread, epoll, HTTP/1.1 keep-alive, one fixed chat completion.
 *
 *     mock_upstream PORT
 *
 * It reads a request up to the end of its body (content-length only, as Envoy sends it here) and answers, so that
 * in the benchmark everything but the data plane under test costs next to nothing.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER (1 << 20)
#define CONNECTIONS 4096

struct connection {
    size_t used;
    char *data;
};

static struct connection connections[CONNECTIONS];
static char answer[1024];
static size_t answer_size;

static void write_answer(void) {
    const char *body =
        "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"bench\","
        "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"It stays inside.\"},"
        "\"finish_reason\":\"stop\"}],"
        "\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":4,\"total_tokens\":44}}";
    answer_size = (size_t)snprintf(answer, sizeof answer,
                                   "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                                   strlen(body), body);
}

/* Bytes of the first request in the buffer, or 0 while it is not complete. */
static size_t request_size(const char *data, size_t used) {
    const char *end = memmem(data, used, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t size = (size_t)(end - data) + 4;
    for (const char *line = data; line < end; line = memchr(line, '\n', (size_t)(end + 2 - line)) + 1)
        if (strncasecmp(line, "content-length:", 15) == 0) {
            size += strtoul(line + 15, NULL, 10);
            break;
        }
    return size <= used ? size : 0;
}

static void forget(int fd) {
    free(connections[fd].data);
    connections[fd] = (struct connection){0};
    close(fd);
}

static void serve(int fd) {
    struct connection *c = &connections[fd];
    ssize_t got = recv(fd, c->data + c->used, BUFFER - c->used, 0);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) forget(fd);
        return;
    }
    c->used += (size_t)got;
    for (size_t size; (size = request_size(c->data, c->used)) > 0;) {
        if (send(fd, answer, answer_size, MSG_NOSIGNAL) != (ssize_t)answer_size) {
            forget(fd);
            return;
        }
        memmove(c->data, c->data + size, c->used - size);
        c->used -= size;
    }
    if (c->used == BUFFER) forget(fd);
}

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: mock_upstream PORT\n"), 2;
    write_answer();
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_port = htons((unsigned short)atoi(argv[1])),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 1024)) return perror("bind"), 1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[64];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int n = epoll_wait(poll, ready, 64, -1);
        for (int i = 0; i < n; i++) {
            if (ready[i].data.fd != listener) {
                serve(ready[i].data.fd);
                continue;
            }
            int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            if (fd < 0) continue;
            char *data = fd < CONNECTIONS ? malloc(BUFFER) : NULL;
            if (!data) {
                close(fd);
                continue;
            }
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            connections[fd] = (struct connection){.data = data};
            event.data.fd = fd;
            epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
        }
    }
}
